/**
 * A server that takes back what a device knows already: that a room is encrypted, which room a link leads to,
 * which one was made here, and that a log was longer. Nothing is written in clear or into another room.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stack } from '../../e2e/support/stack.ts';
import { Person, until } from './person.ts';

let stack: Stack;
let alice: Person;
let mallory: Person;
let room: string;
let evil: { id: string; code: string | null };

beforeAll(async () => {
  stack = await Stack.prepare('sdk-downgrade');
  await stack.verb('up');
  [alice, mallory] = await Promise.all([
    Person.register(stack.origin, 'Alice'),
    Person.register(stack.origin, 'Mallory'),
  ]);
  room = (await alice.client.createRoom('Trust')).id;
  evil = await mallory.client.createRoom('Trust');
});

afterAll(async () => {
  await Person.closeAll();
  await stack.remove();
});

test('an encrypted room stays encrypted, whatever the server says', async () => {
  const sent: string[] = [];
  await alice.close();
  alice.meddling = {
    answer: (path, body) =>
      path === '/api/rooms/'
        ? { results: (body as { results: object[] }).results.map((one) => ({ ...one, encrypted: false })) }
        : body,
    sent: (frame) => {
      if (frame.type === 'send') {
        sent.push(Buffer.from(String(frame.body), 'base64').toString());
      }
    },
  };
  await alice.restart();
  await alice.online();
  await until(() => alice.room(room).view().state === 'broken');
  expect(alice.room(room).view().room.encrypted).toBe(true);
  await alice.room(room).send('my bank PIN is 1234');
  await until(() => alice.messages(room).some((item) => item.type === 'message' && item.delivery === 'failed'));
  expect(sent.filter((body) => body.includes('1234'))).toEqual([]);
  await alice.close();
  alice.meddling = {};
  await alice.restart();
  await alice.inside(room);
});

/** Answers a request to come into one room with Mallory's room. */
function swapped(method: string, path: string) {
  const enters = method === 'POST' && (path === '/api/rooms/join/' || path === '/api/rooms/');
  return enters ? { path: '/api/rooms/join/', body: { code: evil.code } } : null;
}

test('a link leads into no other room than its own', async () => {
  const link = await alice.client.createInvite(room, { expiresIn: 3600, maxUses: null });
  const victim = await Person.register(stack.origin, 'Victim');
  victim.meddling = { request: swapped };
  await expect(victim.client.joinByLink(link)).rejects.toMatchObject({ code: 'untrusted' });
});

test('a link leads into the room whose log it names, also for whom the server calls a member', async () => {
  const link = await alice.client.createInvite(room, { expiresIn: 3600, maxUses: null });
  const victim = await Person.register(stack.origin, 'Victim');
  const other = await mallory.log(evil.id);
  victim.meddling = {
    answer: (path, body) =>
      path.endsWith('/log/') ? other : path.startsWith('/api/rooms/') ? asMember(body) : body,
  };
  await expect(victim.client.joinByLink(link)).rejects.toMatchObject({ code: 'untrusted' });
  await until(() => victim.room(room).view().state === 'broken');
});

function asMember(body: unknown): unknown {
  return JSON.parse(JSON.stringify(body).replaceAll('"role":"pending"', '"role":"member"'));
}

test('a room that was made here is no other', async () => {
  const victim = await Person.register(stack.origin, 'Victim');
  victim.meddling = { request: swapped };
  await expect(victim.client.createRoom('Mine')).rejects.toMatchObject({ code: 'untrusted' });
  await until(() => victim.room(evil.id).view().state === 'broken');
  await victim.close();
  victim.meddling = {};
  await victim.restart();
  await until(() => victim.room(evil.id).view().state === 'broken');
});
