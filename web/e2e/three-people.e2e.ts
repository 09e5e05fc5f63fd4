/**
 * Three people in three profiles talk in one encrypted room, an outsider gets nowhere, and what
 * was shown as sent outlives the death of the bridge and of PostgreSQL in mid-conversation.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { Api } from './support/api';
import { People } from './support/browser';
import { owning } from './support/owned';
import type { Person } from './support/person';
import { Stack } from './support/stack';

const ROOM = 'Lake cabin';

const own = owning();
let stack: Stack;
let people: People;
let ada: Person;
let bob: Person;
let cleo: Person;
/** Everything said so far, in the order in which it was shown as sent. */
const said: string[] = [];

beforeAll(async () => {
  stack = own(await Stack.up('three-people'), (stack) => stack.remove());
  people = own(await People.start(stack.origin), (people) => people.close());
  ada = await people.add('ada');
  bob = await people.add('bob');
  cleo = await people.add('cleo');
});

async function say(person: Person, text: string): Promise<void> {
  await person.send(text);
  said.push(text);
}

async function everybodyReads(texts: string[]): Promise<void> {
  for (const person of [ada, bob, cleo]) await person.reads(texts);
}

describe('three people', () => {
  it('come together: one creates the room, one joins by link, one by code', async () => {
    await Promise.all([ada.register(), cleo.register()]);
    await ada.createRoom(ROOM);
    const link = await ada.inviteLink();
    expect(link).toMatch(new RegExp(`^${stack.origin}/join#.{40,}$`));

    await bob.register(new URL(link).pathname + new URL(link).hash);
    // The secret leaves the address bar at once and survives signing in, in memory alone.
    expect(bob.page.url()).toBe(`${stack.origin}/join`);
    await bob.button('Join room').click();
    await bob.ready();

    await cleo.joinByCode(await ada.roomCode());
    await cleo.ready();
    for (const person of [ada, bob, cleo]) {
      await person.showMembers();
      await expect.poll(async () => (await person.members()).map(({ name }) => name).sort()).toEqual(['ada', 'bob', 'cleo']);
    }
  });

  it('see how surely each of them is known', async () => {
    await expect
      .poll(async () => Object.fromEntries((await ada.members()).map(({ name, trust }) => [name, trust])))
      .toEqual({ ada: 'verified', bob: 'verified', cleo: 'code' });
  });

  it('read what the others write, in the same order', async () => {
    await say(ada, 'The cabin is booked for three nights.');
    await say(bob, 'I bring the cheese.');
    await say(cleo, 'And I the coffee. 🌊');
    await everybodyReads(said);

    // All at once: the order is the server's, and the same for everybody.
    const atOnce = [ada, bob, cleo].map((person) => [1, 2, 3].map((n) => `${person.name} at once ${n}`));
    await Promise.all(
      [ada, bob, cleo].map(async (person, index) => {
        for (const text of atOnce[index] ?? []) await person.write(text);
      }),
    );
    await expect.poll(async () => (await ada.said()).filter(({ delivery }) => delivery === 'sent').length).toBe(said.length + 9);
    const order = (await ada.texts()).slice(said.length);
    expect([...order].sort()).toEqual(atOnce.flat().sort());
    said.push(...order);
    await everybodyReads(said);
    for (const own of atOnce) expect(order.filter((text) => own.includes(text))).toEqual(own);
  });
});

describe('a fourth who is no member', () => {
  it('can neither find the room, read it nor subscribe to it', async () => {
    const dora = await people.add('dora');
    await dora.register();
    const room = await roomId(ada);
    await dora.page.goto(`${stack.origin}/r/${room}`);
    await dora.page.getByTestId('no-room').waitFor();
    expect(await dora.page.getByRole('list', { name: 'Your rooms' }).count()).toBe(0);

    const outsider = await Api.signIn(stack.origin, dora.name, dora.password);
    const member = await Api.signIn(stack.origin, bob.name, bob.password);
    expect((await outsider.call('GET', '/api/rooms/')).body).toEqual({ results: [] });

    const reads = ['', 'members/', 'log/', 'epochs/'].map((part) => `/api/rooms/${room}/${part}`);
    reads.push(`/api/chat/rooms/${room}/messages/?limit=500`);
    for (const path of reads) {
      expect(await outsider.call('GET', path), path).toMatchObject({ status: 403, code: 'not_member' });
      expect((await member.call('GET', path)).status, path).toBe(200);
    }
    expect(await outsider.call('GET', `/api/users/${member.user}/devices/`)).toMatchObject({ status: 404, code: 'not_found' });

    const message = { client_id: crypto.randomUUID(), epoch: 0, body: 'aGVsbG8=' };
    expect(await outsider.call('POST', `/api/chat/rooms/${room}/messages/`, message)).toMatchObject({ status: 403, code: 'not_member' });
    expect(await outsider.call('POST', '/api/rooms/join/', { code: 'ZZZZZ9' })).toMatchObject({ status: 404, code: 'not_found' });

    expect(await subscribe(dora, outsider.token, room)).toMatchObject({ type: 'error', code: 'not_member', request: 'subscribe' });
    expect(await subscribe(dora, member.token, room)).toMatchObject({ type: 'subscribed', room });
    await everybodyReads(said);
  });
});

describe('when servers die in mid-conversation', () => {
  it('what was shown as sent is there once for everybody after the bridge was killed', async () => {
    await say(ada, 'before the bridge dies');
    await stack.killBridge();
    await ada.write('written while the bridge was dead, by ada');
    await bob.write('written while the bridge was dead, by bob');
    await ada.page.getByTestId('offline').waitFor();
    expect(await ada.deliveryOf('written while the bridge was dead, by ada')).toBe('sending');
    await stack.verb('start-bridge');
    await agree(['written while the bridge was dead, by ada', 'written while the bridge was dead, by bob']);
    await say(cleo, 'after the bridge died');
    await everybodyReads(said);
  });

  it('the same after PostgreSQL was killed', async () => {
    await say(bob, 'before the database dies');
    await stack.killPostgres();
    await bob.write('written while the database was dead, by bob');
    await cleo.write('written while the database was dead, by cleo');
    await stack.startPostgres();
    await agree(['written while the database was dead, by bob', 'written while the database was dead, by cleo']);
    await say(ada, 'after the database died');
    await everybodyReads(said);
  });

  it('the same when both are killed under a stream of messages', async () => {
    const stream = (person: Person) => Array.from({ length: 8 }, (_, n) => `${person.name} in the stream ${n}`);
    const writing = [ada, bob, cleo].map(async (person) => {
      for (const text of stream(person)) await person.write(text);
    });
    await expect.poll(async () => (await ada.texts()).length).toBeGreaterThan(said.length + 2);
    await stack.killBridge();
    await stack.killPostgres();
    await stack.startPostgres();
    await stack.verb('start-bridge');
    await Promise.all(writing);
    await agree([ada, bob, cleo].flatMap(stream));
    for (const person of [ada, bob, cleo]) {
      const own = stream(person);
      expect(said.filter((text) => own.includes(text))).toEqual(own);
    }
  });

  it('after a reload the whole history decrypts', async () => {
    for (const person of [ada, bob, cleo]) {
      await person.page.reload();
      await person.reads(said);
      expect(await person.page.getByTestId('unreadable').filter({ hasText: 'failed a check' }).count()).toBe(0);
      const order = (await person.said()).map(({ seq }) => seq ?? 0);
      expect(order).toEqual([...order].sort((a, b) => a - b));
      expect(new Set(order).size).toBe(said.length);
    }
  });
});

/** Waits until these were sent too, then takes over the order that everybody must agree on. */
async function agree(texts: string[]): Promise<void> {
  const length = said.length + texts.length;
  for (const person of [ada, bob, cleo]) {
    await expect
      .poll(async () => (await person.said()).filter(({ delivery }) => delivery === 'sent').length, {
        message: `what ${person.name} sees as sent`,
        timeout: 90_000,
      })
      .toBe(length);
  }
  const order = (await ada.texts()).slice(said.length);
  expect([...order].sort()).toEqual([...texts].sort());
  said.push(...order);
  await everybodyReads(said);
}

async function roomId(person: Person): Promise<string> {
  const id = /\/r\/([^/]+)$/.exec(await person.page.evaluate(() => location.pathname))?.[1];
  if (id === undefined) throw new Error(`${person.name} is in no room`);
  return decodeURIComponent(id);
}

/** Subscribes with a token from within the person's page, whose policy and origin a browser would send. */
async function subscribe(person: Person, token: string, room: string): Promise<unknown> {
  return person.page.evaluate(
    ({ token, room }) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/ws/`);
        socket.onopen = () => socket.send(JSON.stringify({ type: 'auth', token }));
        socket.onerror = () => reject(new Error('the socket failed'));
        socket.onmessage = ({ data }: MessageEvent<string>) => {
          const frame = JSON.parse(data) as { type: string; room?: string };
          if (frame.type === 'ready') socket.send(JSON.stringify({ type: 'subscribe', room }));
          if (frame.type === 'subscribed' || frame.type === 'error') {
            socket.close();
            resolve(frame);
          }
        };
      }),
    { token, room },
  );
}
