/**
 * A server that lies to one of its users. Alice's client talks to the real server through a meddler; Bob and
 * Carol are honest. Whatever the lie is, Alice sees it as one, and nothing is encrypted to whom the log does
 * not name.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Stack } from '../../e2e/support/stack.ts';
import { Person, until } from './person.ts';

let stack: Stack;
let alice: Person;
let bob: Person;
let carol: Person;
let room: string;

type Frame = Record<string, unknown>;

beforeAll(async () => {
  stack = await Stack.prepare('sdk-meddling');
  await stack.verb('up');
  [alice, bob, carol] = await Promise.all([
    Person.register(stack.origin, 'Alice'),
    Person.register(stack.origin, 'Bob'),
    Person.register(stack.origin, 'Carol'),
  ]);
  room = (await alice.client.createRoom('Trust')).id;
  const link = await alice.client.createInvite(room, { expiresIn: 3600, maxUses: null });
  await Promise.all([bob.client.joinByLink(link), carol.client.joinByLink(link)]);
  await Promise.all([bob.inside(room), carol.inside(room)]);
});

afterEach(() => {
  alice.meddling = {};
});

afterAll(async () => {
  await Person.closeAll();
  await stack.remove();
});

const isMessage = (frame: Frame): boolean => frame.type === 'event' && frame.kind === 'message';

/** Bob sends two messages while `frame` changes what Alice is told; gives what Alice sees of the two. */
async function told(first: string, second: string, frame: (frame: Frame) => Frame) {
  const before = alice.messages(room).length;
  alice.meddling = { frame };
  await bob.room(room).send(first);
  await bob.room(room).send(second);
  await carol.reads(room, first, second);
  await until(() => alice.messages(room).length === before + 2);
  return alice.messages(room).slice(before);
}

test('a message withheld, and the next one in its place', async () => {
  const held: Frame[] = [];
  const before = alice.messages(room).length;
  alice.meddling = {
    frame: (frame) => {
      if (!isMessage(frame)) {
        return frame;
      }
      held.push(frame);
      return held.length === 1 ? { type: 'pong' } : { ...frame, seq: held[0]?.seq };
    },
  };
  await bob.room(room).send('one');
  await bob.room(room).send('two');
  await carol.reads(room, 'one', 'two');
  await until(() => alice.messages(room).length === before + 1);
  const moved = alice.messages(room).at(-1);
  expect(moved).toMatchObject({ type: 'unreadable', reason: 'tampered' });
  alice.meddling = {};
  await bob.room(room).send('three');
  await alice.reads(room, 'three');
});

test('a message that is told twice', async () => {
  let first: Frame | null = null;
  const seen = await told('original', 'replaced', (frame) => {
    if (!isMessage(frame)) {
      return frame;
    }
    const again = first === null ? frame : { ...first, seq: frame.seq };
    first ??= frame;
    return again;
  });
  expect(seen).toMatchObject([{ text: 'original' }, { type: 'unreadable', reason: 'tampered' }]);
});

test('a message under another name, another device, another client id', async () => {
  const lies: [string, string][] = [
    ['sender', carol.id],
    ['device', carol.client.snapshot().account?.device ?? ''],
    ['client_id', crypto.randomUUID()],
  ];
  for (const [field, value] of lies) {
    const seen = await told(`true ${field}`, `false ${field}`, (frame) =>
      isMessage(frame) ? { ...frame, [field]: value } : frame,
    );
    expect(seen.map((item) => item.type), field).toEqual(['unreadable', 'unreadable']);
    expect(seen.every((item) => item.type === 'unreadable' && item.reason === 'tampered'), field).toBe(true);
    alice.meddling = {};
  }
});

test('a changed ciphertext', async () => {
  const seen = await told('intact', 'damaged', (frame) => {
    const body = typeof frame.body === 'string' ? frame.body : '';
    const flipped = (body.startsWith('A', body.length - 20) ? 'B' : 'A') + body.slice(body.length - 19);
    return isMessage(frame) ? { ...frame, body: body.slice(0, -20) + flipped } : frame;
  });
  expect(seen.map((item) => item.type === 'unreadable' && item.reason)).toEqual(['tampered', 'tampered']);
});

test('whoever has the key is shown, also when the server leaves them out', async () => {
  alice.meddling = {
    answer: (path, body) => {
      const list = body as { results: { user: { id: string } }[] };
      return path.endsWith('/members/') ? { results: list.results.filter(({ user }) => user.id !== carol.id) } : body;
    },
  };
  await alice.restart();
  await until(() => alice.room(room).view().members.some(({ user, trust }) => user.id === carol.id && trust === 'unlisted'));
  expect(alice.room(room).view().room.memberCount).toBe(3);
  alice.meddling = {};
  await alice.restart();
  await until(() => alice.room(room).view().members.some(({ user, trust }) => user.id === carol.id && trust === 'verified'));
});

test('a ghost on the list of members gets no key', async () => {
  const ghost = await Person.register(stack.origin, 'Ghost');
  const member = {
    user: { id: ghost.id, username: ghost.name, display_name: 'Ghost' },
    role: 'member',
    joined_seq: 1,
    joined_at: '2026-01-01T00:00:00Z',
  };
  alice.meddling = {
    answer: (path, body) => {
      const list = body as { results: unknown[] };
      return path.endsWith('/members/') ? { results: [...list.results, member] } : body;
    },
  };
  // A departure makes the list be read again and the next epoch be made.
  await carol.client.leave(room);
  await until(() => alice.room(room).view().members.some(({ user, trust }) => user.id === ghost.id && trust === 'unverified'));
  await alice.room(room).send('between us');
  await bob.reads(room, 'between us');
  const bundles = await stack.postgres('psql', [
    '-At',
    '-c',
    `SELECT count(*) FROM porcupine.key_bundles b JOIN porcupine.devices d ON d.id = b.device_id
      WHERE b.room_id = ${room} AND d.user_id = ${ghost.id}`,
  ]);
  expect(bundles.trim()).toBe('0');
  await ghost.close();
});

test('a log that lost its end', async () => {
  await alice.close();
  alice.meddling = {
    answer: (path, body) =>
      path.endsWith('/log/') ? { results: [], length: 2 } : path === '/api/rooms/' ? shorten(body) : body,
  };
  await alice.restart();
  await until(() => alice.room(room).view().state === 'broken');
  expect(alice.room(room).view().fault).toContain('older state');
  await alice.room(room).send('into the void');
  await until(() => alice.messages(room).some((item) => item.type === 'message' && item.delivery === 'failed'));
  expect(bob.texts(room)).not.toContain('into the void');
});

function shorten(body: unknown): unknown {
  const { results } = body as { results: { log: number }[] };
  return { results: results.map((one) => ({ ...one, log: 2 })) };
}
