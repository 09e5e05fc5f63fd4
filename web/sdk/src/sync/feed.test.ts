/** How a room's events stay an unbroken run: order, repeats, gaps, resets, older pages, restarts. */
import { expect, test } from 'vitest';
import type { ClientFrame, WireEvent, WirePage, WireRoom } from '../client/wire.ts';
import { toBase64, utf8 } from '../crypto/index.ts';
import { Store } from '../store/store.ts';
import type { SessionContext } from './context.ts';
import { Feed } from './feed.ts';
import type { Opened } from './window.ts';
import { openPlain } from './opening.ts';

const room = 'r';
const stream = 3;

function event(seq: number): WireEvent {
  return {
    room,
    seq,
    kind: 'message',
    sender: 'u',
    device: 'd',
    client_id: `c${seq}`,
    epoch: 0,
    body: toBase64(utf8(`text ${seq}`)),
    ref: null,
    created_at: '2026-01-01T00:00:00Z',
  };
}

const events = (from: number, to: number): WireEvent[] =>
  Array.from({ length: to - from + 1 }, (_, index) => event(from + index));

/** A message of device `d` that is number `counter` of its chain, in an encrypted room. */
const message = (seq: number, counter: number): WireEvent => ({ ...event(seq), body: toBase64(utf8(`m${counter}`)) });

/** Opens both kinds of events above; the order of messages is not checked here. */
function openAny(one: WireEvent): Promise<Opened> {
  const opened = openPlain(one);
  const counter = opened.text?.startsWith('m') === true ? Number(opened.text.slice(1)) : null;
  const link = counter === null ? null : { epoch: 0, counter, hash: utf8(`hash ${counter}`) };
  return Promise.resolve({ ...opened, link });
}

/** A feed over a real store; `log` is what paging by REST finds. */
async function bench(store?: Store) {
  const database = store ?? (await Store.open(crypto.randomUUID()));
  await database.saveRoom({ room: { id: room } as WireRoom, members: [] });
  const frames: ClientFrame[] = [];
  const digested: number[] = [];
  const state = { log: [] as WireEvent[], stream, pages: 0 };
  const page = (before: number, limit: number): WirePage => {
    state.pages += 1;
    const results = state.log.filter(({ seq }) => seq < before).slice(-limit);
    return { results, head: state.log.length, stream: state.stream, reset: false };
  };
  const context = {
    store: database,
    api: { messages: (_: string, query: { before: number; limit: number }) => Promise.resolve(page(query.before, query.limit)) },
    send: (frame: ClientFrame) => {
      frames.push(frame);
      return true;
    },
  } as unknown as SessionContext;
  const feed = new Feed(context, {
    room,
    learn: () => Promise.resolve(),
    open: openAny,
    digest: (taken) => {
      digested.push(...taken.map((item) => item.event.seq));
      return Promise.resolve();
    },
  });
  const seqs = (): number[] => feed.window.items.map((item) => item.event.seq);
  const restart = async () => {
    const next = await bench(database);
    const [stored] = await database.rooms();
    expect(stored).toBeDefined();
    if (stored !== undefined) {
      await next.feed.load(stored);
    }
    return next;
  };
  return { feed, frames, state, store: database, seqs, digested, restart };
}

test('without a cursor a room begins at the head and pages backwards', async () => {
  const { feed, frames, state, seqs } = await bench();
  state.log = events(1, 60);
  feed.subscribe();
  expect(frames).toEqual([{ type: 'subscribe', room }]);
  await feed.subscribed({ head: 60, stream }, false);
  expect(seqs()).toEqual(events(11, 60).map(({ seq }) => seq));
  expect(feed.hasOlder).toBe(true);
  await feed.loadOlder();
  expect(seqs()).toHaveLength(60);
  expect(feed.hasOlder).toBe(false);
});

test('events enter once and in order', async () => {
  const { feed, seqs, digested } = await bench();
  await feed.subscribed({ head: 0, stream }, false);
  await feed.take([event(1), event(2)]);
  await feed.take([event(2), event(3), event(1)]);
  expect(digested).toEqual([1, 2, 3]);
  expect(seqs()).toEqual([1, 2, 3]);
});

test('a gap asks again from the cursor, once, and nothing behind it enters', async () => {
  const { feed, frames, seqs } = await bench();
  await feed.subscribed({ head: 0, stream }, false);
  await feed.take([event(1), event(3), event(4)]);
  await feed.take([event(5)]);
  expect(seqs()).toEqual([1]);
  expect(frames).toEqual([{ type: 'subscribe', room, after: 1, stream }]);
  await feed.take(events(2, 5));
  await feed.subscribed({ head: 5, stream }, false);
  expect(seqs()).toEqual([1, 2, 3, 4, 5]);
});

test('a head beyond the cursor asks for what is missing', async () => {
  const { feed, frames } = await bench();
  await feed.subscribed({ head: 0, stream }, false);
  feed.noticeHead(0);
  expect(frames).toEqual([]);
  feed.noticeHead(2);
  expect(frames).toEqual([{ type: 'subscribe', room, after: 0, stream }]);
});

test('a reset drops what was there and begins anew at the new head', async () => {
  const { feed, state, store, seqs } = await bench();
  state.log = events(1, 3);
  await feed.subscribed({ head: 3, stream }, false);
  expect(seqs()).toEqual([1, 2, 3]);
  state.log = events(1, 600);
  state.stream = stream + 1;
  await feed.subscribed({ head: 600, stream: stream + 1 }, true);
  expect(seqs()).toEqual(events(551, 600).map(({ seq }) => seq));
  expect((await store.events(room, 100, 50)).length).toBe(0);
  expect((await store.rooms())[0]?.cursor).toMatchObject({ stream: stream + 1, seq: 600 });
});

test('a restart goes on from the stored cursor without the server', async () => {
  const first = await bench();
  first.state.log = events(1, 5);
  await first.feed.subscribed({ head: 5, stream }, false);
  await first.feed.take(events(6, 8));

  const second = await bench(first.store);
  const [stored] = await first.store.rooms();
  expect(stored).toBeDefined();
  if (stored !== undefined) {
    await second.feed.load(stored);
  }
  expect(second.seqs()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(second.state.pages).toBe(0);
  second.feed.subscribe();
  expect(second.frames).toEqual([{ type: 'subscribe', room, after: 8, stream }]);
});

test('what was taken in before a failure stays, and the rest comes again', async () => {
  const { store } = await bench();
  const frames: ClientFrame[] = [];
  let fail = true;
  const digested: number[] = [];
  const context = { store, send: (frame: ClientFrame) => frames.push(frame) > 0 } as unknown as SessionContext;
  const feed = new Feed(context, {
    room,
    learn: ({ seq }) => (fail && seq === 2 ? Promise.reject(new Error('no connection')) : Promise.resolve()),
    open: openAny,
    digest: (taken) => {
      digested.push(...taken.map((item) => item.event.seq));
      return Promise.resolve();
    },
  });
  await feed.subscribed({ head: 0, stream }, false);
  await expect(feed.take(events(1, 3))).rejects.toThrow('no connection');
  expect(feed.window.last).toBe(1);
  expect(digested).toEqual([1]);
  expect((await store.rooms())[0]?.cursor?.seq).toBe(1);
  fail = false;
  await feed.take([event(4)]);
  expect(frames).toEqual([{ type: 'subscribe', room, after: 1, stream }]);
  await feed.take(events(2, 4));
  expect(feed.window.last).toBe(4);
});

test('a page that leaves events out is refused', async () => {
  const { feed, state } = await bench();
  state.log = [...events(1, 20), ...events(22, 60)];
  await expect(feed.subscribed({ head: 60, stream }, false)).rejects.toMatchObject({ code: 'malformed_answer' });
});

/** Nine messages were seen, the newest of them number 8 of the device's chain. */
async function seenNine() {
  const made = await bench();
  made.state.log = Array.from({ length: 9 }, (_, index) => message(index + 1, index));
  await made.feed.subscribed({ head: 0, stream }, false);
  await made.feed.take(made.state.log);
  made.state.stream = stream + 1;
  const failures = (feed: Feed) => feed.window.items.slice(-2).map(({ opened }) => opened?.failure);
  return { ...made, failures };
}

test('a reset does not make an old message a new one, neither live nor in a page nor after a restart', async () => {
  const { feed, state, failures, restart } = await seenNine();
  state.log.push(message(10, 2));
  await feed.subscribed({ head: 10, stream: stream + 1 }, true);
  expect(failures(feed)).toEqual([null, 'replayed']);
  await feed.take([message(11, 3)]);
  expect(failures(feed)).toEqual(['replayed', 'replayed']);
  const again = await restart();
  again.feed.subscribe();
  await again.feed.take([message(12, 8), message(13, 9)]);
  expect(failures(again.feed)).toEqual(['replayed', null]);
  expect(again.feed.memory.rewound).toBeNull();
});

test('a reset after a long absence is no fault', async () => {
  const { feed, state, failures } = await seenNine();
  state.log = Array.from({ length: 600 }, (_, index) => message(index + 1, index));
  await feed.subscribed({ head: 600, stream: stream + 1 }, true);
  await feed.take([message(601, 600)]);
  expect(failures(feed)).toEqual([null, null]);
  expect(feed.memory.rewound).toBeNull();
});

test('a history that is set back is noticed, and so it stays', async () => {
  const { feed, state, failures, restart } = await seenNine();
  state.log = state.log.slice(0, 5);
  await feed.subscribed({ head: 5, stream: stream + 1 }, true);
  expect(feed.memory.rewound).toMatchObject({ seq: 5 });
  // What was written after it is good, and what was seen before does not come again.
  await feed.take([message(6, 9), message(7, 6)]);
  expect(failures(feed)).toEqual([null, 'replayed']);
  expect((await restart()).feed.memory.rewound).toMatchObject({ seq: 5 });
});

test('another message in the place of the newest one is noticed', async () => {
  const { feed, state } = await seenNine();
  state.log = [...state.log.slice(0, 8), message(9, 20), message(10, 21)];
  await feed.subscribed({ head: 10, stream: stream + 1 }, true);
  expect(feed.memory.rewound).toMatchObject({ seq: 9 });
});

test('a lower head in the answer to a good cursor is noticed', async () => {
  const { feed } = await seenNine();
  feed.subscribe();
  await feed.subscribed({ head: 9, stream }, false);
  expect(feed.memory.rewound).toBeNull();
  feed.subscribe();
  await feed.subscribed({ head: 4, stream }, false);
  expect(feed.memory.rewound).toMatchObject({ seq: 4 });
});
