/** The rules that keep a message single and its key unique, over a real store. */
import { afterEach, expect, test, vi } from 'vitest';
import { platformLocks } from '../client/locks.ts';
import { PorcupineError } from '../client/problem.ts';
import type { WireEvent } from '../client/wire.ts';
import { fromUtf8, utf8, type ChainLink } from '../crypto/index.ts';
import { Store } from '../store/store.ts';
import { Outbox } from './outbox.ts';

interface Frame {
  clientId: string;
  epoch: number;
  body: string;
}

/** A room as the outbox sees it: bodies are numbered, so that a second encryption shows. */
class Bench {
  readonly frames: Frame[] = [];
  readonly built: (ChainLink | null)[] = [];
  epoch = 0;
  connected = true;
  active = true;
  seen = 0;
  moved = 0;
  /** How many turns of the database each sealing takes. */
  sealDelays: number[] = [];
  buildError: Error | null = null;
  encrypted = true;
  /** The room's log, as far as it can be read. */
  readonly log = new Map<number, WireEvent>();
  readonly reports: unknown[] = [];

  private constructor(
    readonly store: Store,
    readonly name: string,
  ) {}

  static async make(): Promise<Bench> {
    const name = crypto.randomUUID();
    return new Bench(await Store.open(name), name);
  }

  outbox(): Outbox {
    const outbox = new Outbox({
      room: 'r',
      locks: platformLocks(),
      lockName: this.name,
      store: this.store,
      seal: async (text) => {
        for (let turns = this.sealDelays.shift() ?? 0; turns > 0; turns -= 1) {
          await this.store.outbox('r');
        }
        return utf8(text);
      },
      unseal: (sealed) => Promise.resolve(fromUtf8(sealed) ?? ''),
      ready: () => this.active,
      encrypted: () => this.encrypted,
      eventAt: (seq) => Promise.resolve(this.log.get(seq) ?? null),
      build: ({ text }, last) => {
        if (this.buildError !== null) {
          return Promise.reject(this.buildError);
        }
        const count = this.built.push(last);
        const counter = last?.epoch === this.epoch ? last.counter + 1 : 0;
        const link = { epoch: this.epoch, counter, hash: utf8(`hash ${count}`) };
        return Promise.resolve({ body: `${text} #${count}`, link });
      },
      transmit: (clientId, epoch, body) => {
        if (this.connected) {
          this.frames.push({ clientId, epoch, body });
        }
        return this.connected;
      },
      seen: () => this.seen,
      epochMoved: () => {
        this.moved += 1;
        this.epoch += 1;
        return Promise.resolve(true);
      },
      onChange: () => undefined,
      onStored: () => undefined,
      report: (error) => this.reports.push(error),
    });
    boxes.push(outbox);
    return outbox;
  }

  /** The message of `frame` is in the room's log at `seq`, and the timeline has come that far. */
  put(seq: number, { clientId, body }: Frame): void {
    this.log.set(seq, { seq, client_id: clientId, body } as WireEvent);
    this.seen = seq;
  }

  async frame(index: number): Promise<Frame> {
    return vi.waitUntil(() => this.frames[index]);
  }
}

const boxes: Outbox[] = [];

afterEach(() => {
  for (const outbox of boxes.splice(0)) {
    outbox.close();
  }
});

const states = (outbox: Outbox): string[] => outbox.pending.map(({ record }) => record.state);

test('one message is in flight at a time, in the order they were written', async () => {
  const bench = await Bench.make();
  const outbox = bench.outbox();
  await outbox.add('one');
  await outbox.add('two');
  const first = await bench.frame(0);
  expect(first.body).toBe('one #1');
  outbox.wake();
  await bench.store.outbox('r');
  expect(bench.frames).toHaveLength(1);
  outbox.acknowledged(first.clientId, 1);
  const second = await bench.frame(1);
  expect(second.body).toBe('two #2');
  expect(bench.built[1]).toMatchObject({ epoch: 0, counter: 0 });
});

test('texts keep the order of the calls, however long sealing takes', async () => {
  const bench = await Bench.make();
  bench.active = false;
  const outbox = bench.outbox();
  bench.sealDelays = [3, 1, 2];
  await Promise.all(['one', 'two', 'three'].map((text) => outbox.add(text)));
  expect(outbox.pending.map(({ text }) => text)).toEqual(['one', 'two', 'three']);
  expect((await bench.store.outbox('r')).map(({ clientId }) => clientId)).toEqual(
    outbox.pending.map(({ record }) => record.clientId),
  );
});

test('after an unknown outcome the identical bytes go out again, also after a restart', async () => {
  const bench = await Bench.make();
  const outbox = bench.outbox();
  await outbox.add('one');
  const first = await bench.frame(0);
  outbox.disconnected();
  outbox.wake();
  expect(await bench.frame(1)).toEqual(first);
  outbox.close();

  const restarted = bench.outbox();
  await restarted.load();
  expect(await bench.frame(2)).toEqual(first);
  expect(bench.built).toHaveLength(1);
});

test('nothing is transmitted before the finished body is stored', async () => {
  const bench = await Bench.make();
  bench.connected = false;
  const outbox = bench.outbox();
  await outbox.add('one');
  await vi.waitFor(() => expect(states(outbox)).toEqual(['built']));
  const [record] = await bench.store.outbox('r');
  expect(record?.built?.body).toBe('one #1');
  bench.connected = true;
  outbox.wake();
  expect((await bench.frame(0)).body).toBe('one #1');
});

test('stale_epoch permits a new encryption under the same client id and frees the counter', async () => {
  const bench = await Bench.make();
  const outbox = bench.outbox();
  await outbox.add('one');
  const first = await bench.frame(0);
  outbox.refused({ type: 'error', code: 'stale_epoch', message: '', client_id: first.clientId, epoch: 1 });
  const second = await bench.frame(1);
  expect(second).toEqual({ clientId: first.clientId, epoch: 1, body: 'one #2' });
  expect(bench.built).toEqual([null, null]);
  expect(bench.moved).toBe(1);
});

test.each(['busy', 'rate_limited', 'internal'])('%s does not permit one', async (code) => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const bench = await Bench.make();
    const outbox = bench.outbox();
    await outbox.add('one');
    const first = await bench.frame(0);
    outbox.refused({ type: 'error', code, message: '', client_id: first.clientId, retry_after: 2 });
    await vi.waitFor(async () => {
      await vi.advanceTimersByTimeAsync(1000);
      expect(bench.frames.length).toBeGreaterThan(1);
    });
    expect(bench.frames[1]).toEqual(first);
    expect(bench.built).toHaveLength(1);
  } finally {
    vi.useRealTimers();
  }
});

test('a refusal for good fails the message and lets the next one have its counter', async () => {
  const bench = await Bench.make();
  const outbox = bench.outbox();
  await outbox.add('one');
  await outbox.add('two');
  const first = await bench.frame(0);
  outbox.refused({ type: 'error', code: 'too_large', message: 'too long', client_id: first.clientId });
  const second = await bench.frame(1);
  expect(bench.built).toEqual([null, null]);
  expect(states(outbox)).toEqual(['failed', 'built']);
  expect(outbox.pending[0]?.record.problem).toBe('too long');
  outbox.acknowledged(second.clientId, 7);

  await outbox.retry(first.clientId);
  const third = await bench.frame(2);
  expect(third.clientId).not.toBe(first.clientId);
  expect(third.body).toBe('one #3');
});

test('a failed message can be discarded, one on its way cannot', async () => {
  const bench = await Bench.make();
  const outbox = bench.outbox();
  bench.buildError = new PorcupineError('untrusted', 'the log does not verify');
  await outbox.add('one');
  await vi.waitFor(() => expect(states(outbox)).toEqual(['failed']));
  bench.buildError = null;
  await outbox.add('two');
  const second = await bench.frame(0);
  await outbox.discard(second.clientId);
  expect(states(outbox)).toEqual(['failed', 'built']);
  await outbox.discard(outbox.pending[0]?.record.clientId ?? '');
  expect(states(outbox)).toEqual(['built']);
  expect(await bench.store.outbox('r')).toHaveLength(1);
});

test('the own event settles a message whose ack was lost, and moves the chain on', async () => {
  const bench = await Bench.make();
  const outbox = bench.outbox();
  await outbox.add('one');
  const first = await bench.frame(0);
  await outbox.appeared(first.clientId, 5, first.body, null);
  expect(outbox.pending).toEqual([]);
  expect(await bench.store.outbox('r')).toEqual([]);
  expect(await bench.store.chain('r')).toMatchObject({ epoch: 0, counter: 0 });
});

test('an event with another body than the one sent settles nothing', async () => {
  const bench = await Bench.make();
  bench.connected = false;
  const outbox = bench.outbox();
  await outbox.add('one');
  await vi.waitFor(() => expect(states(outbox)).toEqual(['built']));
  const [message] = outbox.pending;
  await outbox.appeared(message?.record.clientId ?? '', 5, 'something else', null);
  expect(states(outbox)).toEqual(['built']);
  expect(await bench.store.chain('r')).toBeUndefined();
});

test('an acknowledged message stays until its event is in the timeline', async () => {
  const bench = await Bench.make();
  const outbox = bench.outbox();
  await outbox.add('one');
  const first = await bench.frame(0);
  outbox.acknowledged(first.clientId, 5);
  await vi.waitFor(() => expect(states(outbox)).toEqual(['sent']));
  bench.put(5, first);
  const restarted = bench.outbox();
  await restarted.load();
  await restarted.check();
  expect(restarted.pending).toEqual([]);
  expect(await bench.store.outbox('r')).toEqual([]);
});

test('an ack alone deletes nothing: without its event in the log the message has failed', async () => {
  const bench = await Bench.make();
  const outbox = bench.outbox();
  bench.seen = 9;
  bench.log.set(1, { seq: 1, client_id: 'another', body: 'another' } as WireEvent);
  await outbox.add('important');
  outbox.acknowledged((await bench.frame(0)).clientId, 1);
  await vi.waitFor(() => expect(states(outbox)).toEqual(['failed']));
  expect(outbox.pending[0]?.text).toBe('important');
  expect(outbox.pending[0]?.record.problem).toContain('lost it');
  // The server has the bytes: their counter is spent.
  expect(await bench.store.chain('r')).toMatchObject({ counter: 0 });
});

test('a message acknowledged beyond the end of the room fails at the next connection', async () => {
  const bench = await Bench.make();
  const outbox = bench.outbox();
  await outbox.add('one');
  outbox.acknowledged((await bench.frame(0)).clientId, 1000);
  await vi.waitFor(() => expect(states(outbox)).toEqual(['sent']));
  await outbox.check(5);
  expect(states(outbox)).toEqual(['sent']);
  outbox.disconnected();
  await outbox.check(5);
  expect(states(outbox)).toEqual(['failed']);
});

test('where the log cannot be read the acknowledged message waits', async () => {
  const bench = await Bench.make();
  const outbox = bench.outbox();
  await outbox.add('one');
  const first = await bench.frame(0);
  outbox.acknowledged(first.clientId, 3);
  await vi.waitFor(() => expect(states(outbox)).toEqual(['sent']));
  bench.put(3, first);
  const read = vi.spyOn(bench.log, 'get').mockImplementationOnce(() => {
    throw new PorcupineError('unreachable', 'no connection');
  });
  await expect(outbox.check()).rejects.toMatchObject({ code: 'unreachable' });
  expect(states(outbox)).toEqual(['sent']);
  read.mockRestore();
  await outbox.check();
  expect(outbox.pending).toEqual([]);
});

test('an authentic own event settles a message that the server had refused, and spends its counter', async () => {
  const bench = await Bench.make();
  const outbox = bench.outbox();
  await outbox.add('one');
  const first = await bench.frame(0);
  outbox.refused({ type: 'error', code: 'too_large', message: '', client_id: first.clientId });
  await vi.waitFor(() => expect(states(outbox)).toEqual(['failed']));
  await outbox.appeared(first.clientId, 1, first.body, { epoch: 0, counter: 0, hash: utf8('hash 1') });
  expect(outbox.pending).toEqual([]);
  await outbox.add('two');
  await bench.frame(1);
  expect(bench.built[1]).toMatchObject({ counter: 0 });
});

test('reading the queue loses nothing that is typed meanwhile', async () => {
  const bench = await Bench.make();
  bench.active = false;
  await bench.outbox().add('older');
  const outbox = bench.outbox();
  await Promise.all([outbox.load(), outbox.add('typed now'), outbox.load()]);
  expect(outbox.pending.map(({ text }) => text)).toEqual(['older', 'typed now']);
});

test('reading the queue does not bring back what was settled meanwhile', async () => {
  const bench = await Bench.make();
  const outbox = bench.outbox();
  await outbox.add('one');
  const first = await bench.frame(0);
  await Promise.all([outbox.load(), outbox.appeared(first.clientId, 1, first.body, null), outbox.load()]);
  expect(outbox.pending).toEqual([]);
});

test('a record of another tab that this one has not read is sent once', async () => {
  const bench = await Bench.make();
  bench.active = false;
  await bench.outbox().add('theirs');
  const outbox = bench.outbox();
  bench.active = true;
  await outbox.add('mine');
  const theirs = await bench.frame(0);
  bench.put(1, theirs);
  outbox.acknowledged(theirs.clientId, 1);
  expect((await bench.frame(1)).body).toBe('mine #2');
  expect(bench.built[1]).toMatchObject({ counter: 0 });
});

test('a double click on retry queues the message once', async () => {
  const bench = await Bench.make();
  const outbox = bench.outbox();
  bench.buildError = new PorcupineError('untrusted', 'the log does not verify');
  await outbox.add('one');
  await vi.waitFor(() => expect(states(outbox)).toEqual(['failed']));
  bench.active = false;
  const clientId = outbox.pending[0]?.record.clientId ?? '';
  await Promise.all([outbox.retry(clientId), outbox.retry(clientId)]);
  expect(outbox.pending.map(({ text, record }) => [text, record.state])).toEqual([['one', 'queued']]);
});

test('what a message is written in stays with it: a draft of an encrypted room says so', async () => {
  const bench = await Bench.make();
  bench.active = false;
  const outbox = bench.outbox();
  await outbox.add('one');
  bench.encrypted = false;
  expect((await bench.store.outbox('r'))[0]?.encrypted).toBe(true);
});

test('a database that fails is told and tried again, and rejects nowhere', async () => {
  const unhandled: unknown[] = [];
  const listen = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', listen);
  try {
    const bench = await Bench.make();
    bench.connected = false;
    const outbox = bench.outbox();
    await outbox.add('one');
    bench.store.close();
    outbox.wake();
    await vi.waitFor(() => expect(bench.reports.length).toBeGreaterThan(1), { timeout: 5000 });
    expect(unhandled).toEqual([]);
  } finally {
    process.off('unhandledRejection', listen);
  }
});

test('two tabs take turns and never give one counter twice', async () => {
  const bench = await Bench.make();
  const tabs = [bench.outbox(), bench.outbox()];
  await Promise.all(tabs.map((tab, index) => tab.add(`tab ${index}`)));
  const acknowledge = async (index: number): Promise<void> => {
    const { clientId } = await bench.frame(index);
    for (const tab of tabs) {
      tab.acknowledged(clientId, index + 1);
    }
  };
  await acknowledge(0);
  await acknowledge(1);
  await vi.waitFor(async () => expect(await bench.store.chain('r')).toMatchObject({ counter: 1 }));
  expect(bench.built.map((last) => last?.counter ?? null)).toEqual([null, 0]);
});

test('nothing is encrypted while the room is not ready', async () => {
  const bench = await Bench.make();
  bench.active = false;
  const outbox = bench.outbox();
  await outbox.add('one');
  expect(states(outbox)).toEqual(['queued']);
  bench.active = true;
  outbox.wake();
  await bench.frame(0);
  expect(bench.built).toHaveLength(1);
});
