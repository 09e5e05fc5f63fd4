/**
 * What happens around a conversation: unread messages and drafts, waiting to be let in, leaving,
 * signing out and in again, and signing in where the account's keys are not.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { People } from './support/browser';
import { owning } from './support/owned';
import type { Person } from './support/person';
import { Stack } from './support/stack';

const ROOM = 'Orchard';
const said = ['The pears are ripe.', 'Bring ladders.', 'And baskets.'];

const own = owning();
let people: People;
let ada: Person;
let bob: Person;
let cleo: Person;
let link: string;

beforeAll(async () => {
  const stack = own(await Stack.up('coming-and-going'), (stack) => stack.remove());
  people = own(await People.start(stack.origin), (people) => people.close());
  ada = await people.add('ada');
  bob = await people.add('bob');
  cleo = await people.add('cleo');
  for (const person of [ada, bob, cleo]) await person.register();
  await ada.createRoom(ROOM);
  link = await ada.inviteLink();
  await bob.joinByLink(link);
  await bob.ready();
});

describe('what is unread', () => {
  it('is counted in the list and the title, marked in the room, and gone once read', async () => {
    await bob.page.getByRole('link', { name: 'Porcupine' }).click();
    for (const text of said) await ada.send(text);
    const row = bob.page.getByRole('list', { name: 'Your rooms' }).getByRole('link', { name: ROOM });
    await expect.poll(() => row.innerText()).toContain('3 unread messages');
    await expect.poll(() => bob.page.title()).toMatch(/^\(3\) /);

    await bob.openRoom(ROOM);
    await bob.reads(said);
    expect(await bob.page.getByText('New', { exact: true }).count()).toBe(1);
    await expect.poll(() => row.innerText()).not.toContain('unread');
    await expect.poll(() => bob.page.title()).toBe(`${ROOM} – Porcupine`);
  });
});

describe('a draft', () => {
  it('is kept while the page lives, and nowhere else', async () => {
    await bob.composer().fill('half a thought');
    await bob.page.getByRole('link', { name: 'Porcupine' }).click();
    await bob.composer().waitFor({ state: 'detached' });
    await bob.openRoom(ROOM);
    expect(await bob.composer().inputValue()).toBe('half a thought');
    await bob.page.reload();
    await bob.ready();
    expect(await bob.composer().inputValue()).toBe('');
  });
});

describe('a joiner', () => {
  it('waits while nobody is there, and is let in by whoever comes first', async () => {
    for (const person of [ada, bob]) await person.page.goto('about:blank');
    await cleo.joinByLink(link);
    await cleo.page.getByRole('heading', { name: 'Waiting for a member to let you in' }).waitFor();
    expect(await cleo.composer().count()).toBe(0);

    await bob.page.goBack();
    await cleo.ready();
    await ada.page.goBack();
    await cleo.send('Here I am.');
    said.push('Here I am.');
    for (const person of [ada, bob]) await person.reads(said);
    // Cleo has no key to what was said before.
    expect(await cleo.texts()).toEqual(['Here I am.']);
  });
});

describe('somebody who leaves', () => {
  it('is asked first, then reads nothing more, and the others go on with a new key', async () => {
    await cleo.showMembers();
    await cleo.button('Leave room').click();
    await cleo.page.getByRole('dialog', { name: `Leave ${ROOM}?` }).waitFor();
    await cleo.button('Leave').click();
    await cleo.page.getByRole('heading', { name: 'Start your first room' }).waitFor();

    await ada.send('Only the two of us now.');
    said.push('Only the two of us now.');
    await bob.reads(said);
    await bob.showMembers();
    await expect.poll(async () => (await bob.members()).map(({ name }) => name)).toEqual(['ada', 'bob']);
    await expect.poll(() => bob.page.getByTestId('notice').allInnerTexts()).toContainEqual(expect.stringContaining('cleo left'));
  });
});

describe('somebody who signs out', () => {
  it('finds the history where it was after signing in again in the same browser', async () => {
    await bob.signOut();
    expect(await bob.page.getByTestId('message').count()).toBe(0);
    await bob.signIn();
    await bob.openRoom(ROOM);
    await bob.reads(said);
    await bob.send('Back again.');
    said.push('Back again.');
    await ada.reads(said);
  });

  it('is told why nothing can be read in another browser, where the keys are not', async () => {
    const elsewhere = await people.add('bob');
    await elsewhere.page.goto(elsewhere.origin);
    await elsewhere.page.getByLabel('Username').waitFor();
    await elsewhere.signIn();
    await elsewhere.page.getByText('Your keys are in another browser').waitFor();
    await elsewhere.openRoom(ROOM);
    await elsewhere.page.getByText('This browser doesn’t have your keys').waitFor();
    expect(await elsewhere.composer().count()).toBe(0);
    expect(await elsewhere.texts()).toEqual([]);
    for (const text of said) expect(await elsewhere.page.content()).not.toContain(text);
  });
});
