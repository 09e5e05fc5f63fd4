/** Answers that get lost: the server has done it, the client does not know, asks again, and it was done once. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stack } from '../../e2e/support/stack.ts';
import { Person } from './person.ts';

let stack: Stack;
let alice: Person;
let bob: Person;
let room: string;
/** What has lost its answer so far: the first of each. */
const lost = new Set<string>();

beforeAll(async () => {
  stack = await Stack.up('sdk-lost');
  [alice, bob] = await Promise.all([Person.register(stack.origin, 'Alice'), Person.register(stack.origin, 'Bob')]);
  for (const person of [alice, bob]) {
    person.meddling.loses = (method, path) => {
      const call = `${person.name} ${method} ${path}`;
      // a refresh has a way of its own to be asked for again, and the socket to say what became of a message
      if (method !== 'POST' || path.startsWith('/api/auth/refresh') || lost.has(call)) return false;
      lost.add(call);
      return true;
    };
  }
});

afterAll(async () => {
  await Person.closeAll();
  await stack.remove();
});

const ask = async (sql: string): Promise<string> => (await stack.postgres('psql', ['-XAtc', sql])).trim();
const lostBy = (person: Person, path: string): boolean => lost.has(`${person.name} POST ${path}`);

test('a room is made once', async () => {
  room = (await alice.client.createRoom('Once')).id;
  expect(lostBy(alice, '/api/rooms/')).toBe(true);
  expect(await ask(`SELECT count(*) FROM porcupine.rooms WHERE name = 'Once'`)).toBe('1');
  await alice.room(room).send('the room is good');
  await alice.delivered(room);
});

test('an invite is made once, and used once by who joins', async () => {
  const link = await alice.client.createInvite(room, { expiresIn: 3600, maxUses: 1 });
  expect(lostBy(alice, `/api/rooms/${room}/invite/`)).toBe(true);
  expect(await ask(`SELECT count(*) FROM porcupine.invites WHERE room_id = ${room}`)).toBe('1');
  await bob.client.joinByLink(link);
  expect(lostBy(bob, '/api/rooms/join/')).toBe(true);
  await bob.inside(room);
  expect(await ask(`SELECT uses FROM porcupine.invites WHERE room_id = ${room}`)).toBe('1');
  await bob.room(room).send('inside');
  await alice.reads(room, 'inside');
});

test('an entry of the control log is appended once, and the epoch that lets him in made once', async () => {
  expect(lostBy(bob, `/api/rooms/${room}/log/`)).toBe(true);
  expect(lostBy(alice, `/api/rooms/${room}/epochs/`)).toBe(true);
  // created, with its first epoch; the invite; Bob's joining by it; the epoch with him
  expect(await ask(`SELECT log_length FROM porcupine.room_heads WHERE room_id = ${room}`)).toBe('5');
});

test('one leaves once', async () => {
  await bob.client.leave(room);
  expect(lostBy(bob, `/api/rooms/${room}/leave/`)).toBe(true);
  await alice.room(room).send('after Bob has left');
  await alice.delivered(room);
  // the one with Bob, and the one without him
  expect(await ask(`SELECT epoch FROM porcupine.room_heads WHERE room_id = ${room}`)).toBe('2');
});

test('a password is changed once', async () => {
  const change = { oldPassword: 'correct horse battery staple', newPassword: 'another horse battery staple' };
  await bob.client.changePassword(change);
  expect(lostBy(bob, '/api/auth/password/')).toBe(true);
  await expect(bob.client.changePassword(change)).rejects.toMatchObject({ code: 'bad_credentials' });
});
