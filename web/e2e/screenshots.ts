/** A small scene played by four people, photographed in both themes at the width of a desk and of a phone. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, it } from 'vitest';
import { signInAt, stayInside, trusting } from './support/atprovider';
import { People } from './support/browser';
import { owning } from './support/owned';
import type { Person } from './support/person';
import { Authority, OpenIdProvider } from './support/provider';
import { freePort, Stack } from './support/stack';

const folder = join(import.meta.dirname, '../../docs/screenshots');
// So far east that a picture taken on a European evening shows a morning.
const timezoneId = 'Australia/Sydney';
const DESK = { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 2, timezoneId };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true, timezoneId };
const CABIN = 'Lake cabin';
const UNIVERSITY = 'Fjord University';

const own = owning();
let stack: Stack;
let people: People;
let mira: Person;
let ada: Person;
let jonas: Person;
let noor: Person;

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const env = await withProviders(`http://localhost:${port}`);
  stack = own(await Stack.up('screenshots', { port, env }), (stack) => stack.remove());
  people = own(await People.start(stack.origin), (people) => people.close());
  mira = await people.add('mira.okafor', { displayName: 'Mira Okafor', context: DESK });
  ada = await people.add('ada', { displayName: 'Ada Lindqvist' });
  jonas = await people.add('jonas', { displayName: 'Jonas Brandt', context: PHONE });
  noor = await people.add('noor', { displayName: 'Noor Haddad' });
});

it('photographs the page', async () => {
  await mira.page.goto(stack.origin);
  await mira.page.getByLabel('Username').waitFor();
  await mira.button(`Continue with ${UNIVERSITY}`).waitFor();
  await inBothThemes(mira, 'sign-in');
  await offerToLink();
  for (const person of [mira, ada, jonas, noor]) await person.register();

  await otherRooms();
  await cabin();

  await mira.page.mouse.move(0, 0);
  await inBothThemes(mira, 'conversation');
  await mira.showMembers();
  await mira.page.getByTestId('member').first().waitFor();
  await inBothThemes(mira, 'members');
  await mira.button('Close').click();
  await mira.button('Invite people').first().click();
  await mira.button('Create link').click();
  await mira.page.getByTestId('invite-link').waitFor();
  await inBothThemes(mira, 'invite');
  await mira.page.keyboard.press('Escape');

  await mira.page.getByRole('link', { name: 'Porcupine' }).click();
  await inBothThemes(mira, 'rooms');
  await mira.button('Account settings').click();
  await mira.page.getByLabel('Email address').waitFor();
  await mira.page.getByTestId('sign-in').waitFor();
  await inBothThemes(mira, 'account');
  await mira.button('Delete account').click();
  await mira.page.getByLabel('Your password').waitFor();
  await inBothThemes(mira, 'delete-account');
  await mira.page.keyboard.press('Escape');
  await mira.page.keyboard.press('Escape');
  await mira.button('Join a room').first().click();
  await mira.page.getByLabel('Room code or invite link').fill('K7M2QX');
  await inBothThemes(mira, 'join');

  await inBothThemes(jonas, 'phone-conversation');
  await jonas.button('Back to rooms').click();
  await inBothThemes(jonas, 'phone-rooms');
  await jonas.button('Account settings').click();
  await jonas.page.getByLabel('Email address').waitFor();
  await jonas.page.getByTestId('sign-in').waitFor();
  await inBothThemes(jonas, 'phone-account');
  await jonas.page.keyboard.press('Escape');
  await jonas.button('Join a room').first().click();
  await jonas.page.getByLabel('Room code or invite link').fill('K7M2QX');
  await inBothThemes(jonas, 'phone-join');
});

/** Two providers of this machine, and what the bridge is told of them. */
async function withProviders(origin: string): Promise<Record<string, string>> {
  const authority = own(await Authority.make(), (authority) => authority.remove());
  const settings: Record<string, string> = { PORCUPINE_OIDC_PROVIDERS: 'university,club', PORCUPINE_OIDC_CA_FILE: authority.certificate };
  for (const [name, label] of [['university', UNIVERSITY], ['club', 'Chess Club']] as const) {
    const people = { ida: { email: 'ida@fjord.example', email_verified: true } };
    const provider = await OpenIdProvider.start(authority, { name, label, algorithm: 'ES256', people, origin });
    Object.assign(settings, own(provider, (provider) => provider.stop()).settings);
  }
  return settings;
}

/** Somebody has an account, and comes by a provider that knows the same address. */
async function offerToLink(): Promise<void> {
  const ida = await people.add('ida', { context: { ...DESK, ...trusting } });
  await stayInside(ida);
  await fetch(`${stack.origin}/api/auth/register/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'ida', password: ida.password, email: 'ida@fjord.example' }),
  });
  await ida.page.goto(stack.origin);
  await signInAt(ida, UNIVERSITY, 'ida');
  await ida.page.getByLabel('Password of that account').waitFor();
  await inBothThemes(ida, 'link');
}

/** Rooms that stand in Mira's and Jonas's lists, with something unread in them. */
async function otherRooms(): Promise<void> {
  await ada.createRoom('Release 1.0');
  const release = await ada.inviteLink();
  await ada.createRoom('Chess on Tuesdays');
  const chess = await ada.inviteLink();
  await noor.createRoom('Neighbours');
  const neighbours = await noor.inviteLink();
  for (const person of [mira, jonas]) {
    for (const link of [release, chess, neighbours]) {
      await person.joinByLink(link);
      await person.ready();
    }
  }
  await mira.createRoom('Book club');
  await mira.send('Chapter nine for next week. No spoilers, please.');
  await jonas.page.goto(stack.origin);
}

async function cabin(): Promise<void> {
  await mira.createRoom(CABIN);
  const link = await mira.inviteLink();
  const code = await mira.roomCode();
  await mira.send('I booked the cabin for the 14th. Three nights, right at the lake.');
  await ada.joinByLink(link);
  await ada.ready();
  await jonas.joinByCode(code);
  await jonas.ready();
  await ada.send('You’re the best 🙌');
  await ada.send('How many beds?');
  await mira.send('Four, plus a sofa. The kitchen is small, but there’s a fire pit outside.');
  await jonas.send('I can take three people and a lot of cheese.');
  await jonas.send('Leaving Friday around four, if that works for everybody? Five is fine too, but then we’d arrive in the dark, and the last bit of road isn’t lit.');
  await mira.send('Four is perfect.');
  await mira.send('The door code is 4417#, don’t lose it in another chat');
  await ada.send('Noted. I bring the board games and the good coffee.');
  await mira.send('Then we have everything.');

  await ada.openRoom('Release 1.0');
  await ada.send('Tagged and built.');
  await ada.send('Can somebody check the sums on another machine?');
  await ada.openRoom('Chess on Tuesdays');
  await ada.send('Nf6, and your bishop is in trouble');
  await noor.send('The lift is working again.');
  await ada.openRoom(CABIN);
  await ada.composer().pressSequentially('And');
}

async function inBothThemes(person: Person, name: string): Promise<void> {
  for (const theme of ['light', 'dark']) {
    // As if it had been chosen in another tab, for a dialog covers the button.
    await person.page.evaluate((newValue) => {
      dispatchEvent(new StorageEvent('storage', { key: 'porcupine.theme', newValue }));
    }, theme);
    await person.settled();
    await person.page.screenshot({ path: join(folder, `${name}-${theme}.png`) });
  }
}
