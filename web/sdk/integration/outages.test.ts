/** Servers that die in mid-conversation, streams that begin anew, browsers that change. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stack } from '../../e2e/support/stack.ts';
import { Person, until } from './person.ts';

let stack: Stack;
let alice: Person;
let bob: Person;
let room: string;

beforeAll(async () => {
  stack = await Stack.prepare('sdk-outages');
  await stack.verb('up');
  [alice, bob] = await Promise.all([Person.register(stack.origin, 'Alice'), Person.register(stack.origin, 'Bob')]);
  room = (await alice.client.createRoom('Storm')).id;
  await bob.client.joinByLink(await alice.client.createInvite(room, { expiresIn: 3600, maxUses: null }));
  await bob.inside(room);
});

afterAll(async () => {
  await Person.closeAll();
  await stack.remove();
});

/** Both write `count` messages while `trouble` happens; afterwards each is there once, for both, in one order. */
async function writeThrough(name: string, count: number, trouble: () => Promise<void>): Promise<void> {
  const texts = Array.from({ length: count }, (_, index) => `${name} ${index}`);
  const writing = texts.map((text, index) => (index % 2 === 0 ? alice : bob).room(room).send(text));
  await trouble();
  await Promise.all(writing);
  await Promise.all([alice.reads(room, ...texts), bob.reads(room, ...texts)]);
  await Promise.all([alice.delivered(room), bob.delivered(room)]);
  const seen = (person: Person): string[] => person.texts(room).filter((text) => text.startsWith(`${name} `));
  expect(seen(alice)).toHaveLength(count);
  expect(new Set(seen(alice)).size).toBe(count);
  expect(seen(bob)).toEqual(seen(alice));
}

test('the bridge dies: what was being sent is there once', async () => {
  await writeThrough('bridge', 20, async () => {
    await alice.reads(room, 'bridge 0');
    await stack.killBridge();
    await until(() => alice.client.snapshot().connection.state !== 'online');
    await alice.room(room).send('written offline');
    await stack.verb('start-bridge');
  });
  await bob.reads(room, 'written offline');
});

test('PostgreSQL dies: what was being sent is there once', async () => {
  await writeThrough('postgres', 20, async () => {
    await alice.reads(room, 'postgres 0');
    await stack.killPostgres();
    await stack.startPostgres();
  });
});

test('a browser that was closed with a message on its way sends it when it opens', async () => {
  await stack.killBridge();
  await until(() => bob.client.snapshot().connection.state !== 'online');
  await bob.room(room).send('from the outbox');
  await bob.restart();
  expect(bob.client.snapshot().account?.keys).toBe('ready');
  expect(bob.texts(room).at(-1)).toBe('from the outbox');
  await stack.verb('start-bridge');
  await alice.reads(room, 'from the outbox');
  expect(alice.texts(room).filter((text) => text === 'from the outbox')).toHaveLength(1);
});

test('a new stream makes clients begin anew, and nothing is lost or doubled', async () => {
  const before = alice.texts(room);
  await stack.postgres('psql', ['-v', 'ON_ERROR_STOP=1', '-c', 'SELECT porcupine.new_stream()']);
  await stack.killBridge();
  await stack.verb('start-bridge');
  await bob.room(room).send('in the new stream');
  await alice.reads(room, 'in the new stream');
  // the newest page, and what came after it
  const shown = alice.texts(room).slice(0, -1);
  expect(shown).toEqual(before.slice(before.length - shown.length));
});

test('signing out and in again in the same browser keeps the keys', async () => {
  const device = bob.client.snapshot().account?.device;
  await bob.client.signOut();
  expect(bob.client.snapshot().account).toBeNull();
  await alice.room(room).send('while Bob was out');
  await bob.signIn();
  await bob.ready();
  expect(bob.client.snapshot().account?.device).toBe(device);
  await bob.reads(room, 'while Bob was out');
  await bob.room(room).send('in again');
  await alice.reads(room, 'in again');
});

test('another browser of the same account says that the keys are elsewhere', async () => {
  const other = await bob.elsewhere();
  await until(() => other.client.snapshot().account?.keys === 'elsewhere');
  await expect(other.client.createRoom('No')).rejects.toMatchObject({ code: 'no_keys' });
  await until(() => other.room(room).view().timeline.length > 0);
  expect(other.messages(room).every((item) => item.type === 'unreadable' && item.reason === 'waiting-for-key')).toBe(true);
  await other.close();
  await alice.room(room).send('still fine');
  await bob.reads(room, 'still fine');
});
