/** When a device begins an epoch: real keys, a real log and store, and a server that accepts every commit. */
import { afterEach, expect, test, vi } from 'vitest';
import { platformLocks } from '../client/locks.ts';
import type { EpochCommit, WireEntry, WireEvent, WireMember, WireRoom } from '../client/wire.ts';
import { createAccountKeys, createRoom, toBase64 } from '../crypto/index.ts';
import { Store } from '../store/store.ts';
import type { SessionContext } from './context.ts';
import { RoomLog } from './control.ts';
import { EpochKeys } from './epochs.ts';
import { Pace } from './rekey-pace.ts';
import { Rekeyer } from './rekey.ts';

const room = 'r';
const week = 7 * 24 * 3600 * 1000;
const me = { user: 'u1', device: 'd1' };

async function bench() {
  const store = await Store.open(crypto.randomUUID());
  await store.saveRoom({ room: { id: room } as WireRoom, members: [] });
  const keys = await createAccountKeys(me.user, me.device);
  const prepared = await createRoom(keys);
  const entries: WireEntry[] = [];
  const say = (entry: string): void => {
    const index = entries.length;
    entries.push({ index, seq: index + 1, entry, sender: me.user, device: me.device, created_at: '2020-01-01T00:00:00Z' });
  };
  prepared.entries.map(toBase64).forEach(say);
  const member = { user: { id: me.user, username: 'a', display_name: 'A' }, role: 'owner', joined_seq: 1, joined_at: '' };
  const members: WireMember[] = [member as WireMember];
  const world = { head: 10, open: true, commits: [] as EpochCommit[], asked: 0, via: 'code' };
  const context = {
    me,
    store,
    locks: platformLocks(),
    keys: () => keys,
    people: { user: (id: string) => ({ id, username: id, displayName: id }) },
    lockName: (purpose: string) => `${room}/${purpose}`,
    report: (error: unknown) => {
      throw error;
    },
    api: {
      log: (_: string, after: number) => Promise.resolve({ results: entries.slice(after + 1), length: entries.length }),
      devices: () => {
        world.asked += 1;
        return Promise.resolve({ list: null });
      },
      commitEpoch: (_: string, commit: EpochCommit) => {
        world.commits.push(commit);
        commit.entries.forEach(say);
        return Promise.resolve();
      },
    },
  } as unknown as SessionContext;
  const log = new RoomLog(context, room);
  const epochs = new EpochKeys(context, room);
  await log.refresh();
  await epochs.adopt(0, prepared);
  const rekeyer = new Rekeyer(context, {
    room,
    log,
    epochs,
    members: () => members,
    refreshMembers: () => Promise.resolve(members),
    active: () => true,
    epochOpen: () => world.open,
    head: () => world.head,
    eventAt: (seq) => Promise.resolve({ seq, kind: 'member.joined', data: { via: world.via } } as unknown as WireEvent),
    committed: () => {
      world.open = true;
    },
  });
  closing.push(rekeyer);
  return { rekeyer, world, members };
}

const closing: Rekeyer[] = [];

afterEach(() => {
  vi.useRealTimers();
  for (const rekeyer of closing.splice(0)) {
    rekeyer.close();
  }
});

test('an epoch that the server dates long ago is not old: this device has only just seen it', async () => {
  const { rekeyer, world } = await bench();
  expect(rekeyer.blocksSending()).toBe(false);
  for (let message = 0; message < 3; message += 1) {
    expect(await rekeyer.beforeSending()).toBe(true);
  }
  expect(world.commits).toHaveLength(0);
});

test('an epoch that is a week old is replaced when somebody sends, once', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const { rekeyer, world } = await bench();
  await rekeyer.beforeSending();
  vi.setSystemTime(Date.now() + week);
  expect(rekeyer.blocksSending()).toBe(false);
  for (let message = 0; message < 3; message += 1) {
    expect(await rekeyer.beforeSending()).toBe(true);
  }
  expect(world.commits.map(({ epoch }) => epoch)).toEqual([1]);
});

test('however far away the server says that the room ends, it costs one epoch', async () => {
  const { rekeyer, world } = await bench();
  await rekeyer.beforeSending();
  world.head = 1_000_000_000;
  for (let message = 0; message < 3; message += 1) {
    expect(await rekeyer.beforeSending()).toBe(true);
  }
  expect(world.commits).toHaveLength(1);
});

test('a clock or a head that keeps jumping costs one epoch a minute in the long run, and no message waits', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const { rekeyer, world } = await bench();
  for (let message = 0; message < 12; message += 1) {
    world.head += 1_000_000;
    expect(await rekeyer.beforeSending()).toBe(true);
  }
  expect(world.commits).toHaveLength(5);
});

test('a closed epoch is replaced at once, before the message', async () => {
  const { rekeyer, world } = await bench();
  world.open = false;
  expect(rekeyer.blocksSending()).toBe(true);
  expect(await rekeyer.beforeSending()).toBe(true);
  expect(world.commits).toHaveLength(1);
});

test('who joined by code and has no keys is asked about less and less often', async () => {
  const { rekeyer, world, members } = await bench();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const user = { id: 'u2', username: 'b', display_name: 'B' };
  members.push({ user, role: 'pending', joined_seq: 5, joined_at: '' });
  rekeyer.consider();
  for (let second = 0; second < 200; second += 1) {
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(world.asked).toBeGreaterThan(2);
  expect(world.asked).toBeLessThan(8);
});

test.each([
  ['link', 1],
  ['request', 1],
  ['invite', 0],
])('who came by %s is added by an admin’s page, but for those who sign their own entry', async (via, asked) => {
  const { rekeyer, world, members } = await bench();
  world.via = via;
  members.push({ user: { id: 'u2', username: 'b', display_name: 'B' }, role: 'pending', joined_seq: 5, joined_at: '' });
  await rekeyer.beforeSending();
  rekeyer.consider();
  await vi.waitFor(() => expect(world.asked).toBeGreaterThanOrEqual(asked));
  expect(world.asked > 0).toBe(asked > 0);
});

test('the pace allows some at once and one a minute in the long run', () => {
  const pace = new Pace();
  for (let now = 0; now < 5; now += 1) {
    expect(pace.wait(now)).toBe(0);
    pace.take(now);
  }
  expect(pace.wait(5)).toBe(300_000 - 5);
  expect(pace.wait(300_000)).toBe(0);
  pace.take(300_000);
  expect(pace.wait(300_001)).toBe(0);
  // A clock that was set back does not lock anything up.
  expect(pace.wait(-1_000_000)).toBe(0);
});
