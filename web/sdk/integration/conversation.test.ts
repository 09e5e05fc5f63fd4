/** Three clients and a stranger around one encrypted room of a real server. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stack } from '../../e2e/support/stack.ts';
import { Person, until } from './person.ts';

let stack: Stack;
let alice: Person;
let bob: Person;
let carol: Person;
let room: string;

beforeAll(async () => {
  stack = await Stack.prepare('sdk-conversation');
  await stack.verb('up');
  [alice, bob, carol] = await Promise.all([
    Person.register(stack.origin, 'Alice'),
    Person.register(stack.origin, 'Bob'),
    Person.register(stack.origin, 'Carol'),
  ]);
});

afterAll(async () => {
  await Person.closeAll();
  await stack.remove();
});

const trustOf = (reader: Person, member: Person): string | undefined =>
  reader
    .room(room)
    .view()
    .members.find(({ user }) => user.id === member.id)?.trust;

test('who creates a room writes in it at once', async () => {
  room = (await alice.client.createRoom('Hedgehogs')).id;
  await alice.inside(room);
  await alice.room(room).send('first');
  await alice.reads(room, 'first');
  await alice.delivered(room);
});

test('somebody joins by link and is let in by the page of a member', async () => {
  const link = await alice.client.createInvite(room, { expiresIn: 3600, maxUses: 1 });
  expect(await bob.client.previewLink(link)).toMatchObject({ roomName: 'Hedgehogs', memberCount: 1 });
  await bob.client.joinByLink(link);
  await bob.inside(room);
  await alice.room(room).send('hello Bob');
  await bob.reads(room, 'hello Bob');
  await until(() => trustOf(alice, bob) === 'verified' && trustOf(bob, alice) === 'verified');
  expect(bob.messages(room)[0]).toMatchObject({ type: 'unreadable', reason: 'before-joining' });
});

test('somebody joins by code and is let in by the page of an admin', async () => {
  const code = alice.room(room).view().room.code ?? '';
  expect(code).toMatch(/^[A-Z0-9]{6}$/);
  await carol.client.joinByCode(code.toLowerCase());
  await carol.inside(room);
  await until(() => trustOf(bob, carol) === 'code' && trustOf(carol, bob) === 'verified');
});

test('all read what all write, in the same order', async () => {
  const sent = [1, 2, 3, 4, 5].flatMap((count) => [alice, bob, carol].map((person) => ({ person, text: `${person.name} ${count}` })));
  await Promise.all(sent.map(({ person, text }) => person.room(room).send(text)));
  const texts = sent.map(({ text }) => text);
  await Promise.all([alice, bob, carol].map((person) => person.reads(room, ...texts)));
  await Promise.all([alice, bob, carol].map((person) => person.delivered(room)));
  const order = (person: Person): string[] => person.texts(room).filter((text) => texts.includes(text));
  expect(order(bob)).toEqual(order(alice));
  expect(order(carol)).toEqual(order(alice));
  for (const person of [alice, bob, carol]) {
    const own = texts.filter((text) => text.startsWith(person.name));
    expect(order(alice).filter((text) => own.includes(text))).toEqual(own);
  }
});

test('presence and typing are seen', async () => {
  await until(() => alice.room(room).view().members.every(({ online }) => online));
  // seen for five seconds; whoever goes on says so again
  await until(() => {
    bob.room(room).typing();
    return alice.room(room).view().typing.some(({ id }) => id === bob.id);
  });
});

test('what was not read is counted until it is', async () => {
  const summary = () => bob.client.snapshot().rooms?.find(({ id }) => id === room);
  bob.room(room).markRead();
  await until(() => summary()?.unread === 0);
  await carol.room(room).send('news');
  await until(() => summary()?.unread === 1);
  expect(summary()?.lastMessage).toMatchObject({ sender: 'Carol', text: 'news' });
  bob.room(room).markRead();
  await until(() => summary()?.unread === 0);
});

test('a stranger finds nothing and gets in nowhere', async () => {
  const dave = await Person.register(stack.origin, 'Dave');
  await until(() => dave.client.snapshot().rooms?.length === 0);
  await until(() => dave.room(room).view().state === 'gone');
  await expect(dave.client.joinByCode('AAAAAA')).rejects.toMatchObject({ code: 'not_found' });
  const used = 'https://elsewhere.example/join#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
  await expect(dave.client.joinByLink(used)).rejects.toMatchObject({ code: 'not_found' });
  await dave.close();
});

test('after a restart the history is there, and the conversation goes on', async () => {
  const before = bob.texts(room);
  await bob.restart();
  await bob.inside(room);
  expect(bob.texts(room)).toEqual(before);
  await alice.room(room).send('while Bob was back');
  await bob.reads(room, 'while Bob was back');
  await bob.room(room).send('indeed');
  await Promise.all([alice.reads(room, 'indeed'), carol.reads(room, 'indeed')]);
});

test('whoever leaves reads no more, and the others go on with another key', async () => {
  await carol.client.leave(room);
  await until(() => carol.room(room).view().state === 'gone');
  await until(() => alice.room(room).view().members.length === 2);
  await bob.room(room).send('without Carol');
  await alice.reads(room, 'without Carol');
  expect(carol.texts(room)).not.toContain('without Carol');
});

test('whoever was removed from SQL is left out by whoever is there', async () => {
  const code = alice.room(room).view().room.code ?? '';
  await carol.client.joinByCode(code);
  await carol.inside(room);
  await carol.room(room).send('back again');
  await alice.reads(room, 'back again');
  await stack.postgres('psql', [
    '-v',
    'ON_ERROR_STOP=1',
    '-c',
    `DELETE FROM porcupine.members WHERE room_id = ${room} AND user_id = ${carol.id}`,
  ]);
  await until(() => carol.room(room).view().state === 'gone');
  await bob.room(room).send('just us');
  await alice.reads(room, 'just us');
  expect(carol.texts(room)).not.toContain('just us');
});

test('nothing but what the tests provoked went wrong in the background', () => {
  expect([...alice.errors, ...bob.errors, ...carol.errors]).toEqual([]);
});

test('what was taken back is one notice, not two: what its author wrote next can be read, also by whoever comes later', async () => {
  const garden = (await alice.client.createRoom('Garden')).id;
  await alice.inside(garden);
  await bob.client.joinByLink(await alice.client.createInvite(garden, { expiresIn: 3600, maxUses: 1 }));
  await bob.inside(garden);
  await bob.client.close();
  for (const text of ['one', 'two', 'three', 'four']) {
    await alice.room(garden).send(text);
  }
  await alice.delivered(garden);
  const seqOf = (text: string): number => alice.messages(garden).find((item) => item.type === 'message' && item.text === text)?.seq ?? 0;
  for (const text of ['two', 'three']) {
    await stack.postgres('psql', ['-qc', `BEGIN; SELECT porcupine.act_as(${alice.id}); SELECT porcupine.redact(${garden}, ${seqOf(text)}); COMMIT`]);
  }
  await bob.restart();
  await until(() => bob.texts(garden).includes('four'));
  expect(bob.texts(garden)).toEqual(['one', '<removed: >', '<removed: >', 'four']);
  // A message that is missing without a word still shows.
  await until(() => alice.texts(garden).filter((text) => text === '<removed: >').length === 2);
});
