/** The connection's life: authentication, loss, waiting, silence. The wire itself is tested against the bridge. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Connection } from '../model.ts';
import { backoffDelay, drainDelay } from './backoff.ts';
import { PorcupineError } from './problem.ts';
import { Socket, type WebSocketLike } from './socket.ts';
import type { ServerFrame } from './wire.ts';

class Wire implements WebSocketLike {
  readyState = 0;
  readonly sent: unknown[] = [];
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;

  send(data: string): void {
    this.sent.push(JSON.parse(data));
  }

  close(): void {
    this.readyState = 3;
  }

  opens(): void {
    this.readyState = 1;
    this.onopen?.({} as never);
  }

  says(frame: object | string): void {
    this.onmessage?.({ data: typeof frame === 'string' ? frame : JSON.stringify(frame) } as never);
  }

  ends(code: number, reason = ''): void {
    this.readyState = 3;
    this.onclose?.({ code, reason } as never);
  }
}

const ready = { type: 'ready', user: { id: '1' }, session: '1', device: '1', stream: 1 };

function bench() {
  const wires: Wire[] = [];
  const states: Connection['state'][] = [];
  const frames: ServerFrame[] = [];
  const tokens: boolean[] = [];
  const ended = vi.fn();
  let failToken: Error | null = null;
  const socket = new Socket({
    url: 'ws://server/ws/',
    open: () => {
      const wire = new Wire();
      wires.push(wire);
      return wire;
    },
    token: (fresh) => {
      tokens.push(fresh);
      return failToken === null ? Promise.resolve('token') : Promise.reject(failToken);
    },
    onState: ({ state }) => states.push(state),
    onFrame: (frame) => frames.push(frame),
    onSessionEnded: ended,
  });
  const wire = async (index: number): Promise<Wire> => {
    return vi.waitUntil(() => wires[index]);
  };
  return { socket, wires, wire, states, frames, tokens, ended, failWith: (error: Error | null) => (failToken = error) };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('authenticates with the first frame and is online after ready', async () => {
  const { socket, wire, states, frames } = bench();
  socket.start();
  const first = await wire(0);
  first.opens();
  expect(first.sent).toEqual([{ type: 'auth', token: 'token' }]);
  expect(socket.send({ type: 'typing', room: 'r' })).toBe(false);
  first.says(ready);
  expect(states).toEqual(['connecting', 'online']);
  expect(socket.send({ type: 'typing', room: 'r' })).toBe(true);
  first.says({ type: 'from the future' });
  first.says('no json');
  first.says({ type: 'pong' });
  expect(frames.map(({ type }) => type)).toEqual(['ready']);
  socket.stop();
});

test('a lost connection is tried again, and 4401 asks for another token', async () => {
  const { socket, wire, states, tokens } = bench();
  socket.start();
  const first = await wire(0);
  first.opens();
  first.says(ready);
  first.ends(4401);
  expect(states.at(-1)).toBe('offline');
  await vi.advanceTimersByTimeAsync(500);
  await wire(1);
  expect(tokens).toEqual([false, true]);
  socket.stop();
});

test('a server that drops every connection is tried less and less often', async () => {
  const random = vi.spyOn(Math, 'random').mockReturnValue(1);
  const { socket, wire, wires } = bench();
  socket.start();
  for (const [index, delay] of [500, 1000, 2000].entries()) {
    const one = await wire(index);
    one.opens();
    one.says(ready);
    one.ends(1006);
    await vi.advanceTimersByTimeAsync(delay - 100);
    expect(wires).toHaveLength(index + 1);
    await vi.advanceTimersByTimeAsync(100);
  }
  const stable = await wire(3);
  stable.opens();
  stable.says(ready);
  await vi.advanceTimersByTimeAsync(11_000);
  stable.ends(1006);
  await vi.advanceTimersByTimeAsync(500);
  await wire(4);
  socket.stop();
  random.mockRestore();
});

test('a draining server is left alone for as long as it asks', async () => {
  const { socket, wire, wires } = bench();
  socket.start();
  const first = await wire(0);
  first.opens();
  first.says(ready);
  first.ends(4503, 'retry after 3000');
  await vi.advanceTimersByTimeAsync(2999);
  expect(wires).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(501);
  await wire(1);
  socket.stop();
});

test('whoever was limited comes back when the server says', async () => {
  const { socket, wire, wires, failWith } = bench();
  socket.start();
  const first = await wire(0);
  first.opens();
  first.says(ready);
  failWith(new PorcupineError('rate_limited', '', null, 60));
  first.ends(4429, 'retry after 7000');
  await vi.advanceTimersByTimeAsync(6_999);
  expect(wires).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(59_000);
  failWith(null);
  expect(wires).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(10_000);
  await wire(1);
  socket.stop();
});

test('an ended session is not tried again', async () => {
  const { socket, wire, wires, ended } = bench();
  socket.start();
  (await wire(0)).ends(4419);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ended).toHaveBeenCalledOnce();
  expect(wires).toHaveLength(1);
});

test('silence after pings means that the connection is dead', async () => {
  const { socket, wire, states } = bench();
  socket.start();
  const first = await wire(0);
  first.opens();
  first.says(ready);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(first.sent.at(-1)).toEqual({ type: 'ping' });
  first.says({ type: 'pong' });
  await vi.advanceTimersByTimeAsync(40_000);
  expect(states.at(-1)).toBe('online');
  await vi.advanceTimersByTimeAsync(20_000);
  expect(states).toContain('offline');
  socket.stop();
});

test('a network that goes or comes back casts doubt on the connection: an answer settles it, silence ends it', async () => {
  const platform = new EventTarget();
  vi.stubGlobal('addEventListener', platform.addEventListener.bind(platform));
  vi.stubGlobal('removeEventListener', platform.removeEventListener.bind(platform));
  const { socket, wire, states } = bench();
  socket.start();
  const first = await wire(0);
  platform.dispatchEvent(new Event('offline'));
  first.opens();
  first.says(ready);
  for (const event of ['offline', 'online']) {
    first.sent.length = 0;
    platform.dispatchEvent(new Event(event));
    expect(first.sent).toEqual([{ type: 'ping' }]);
    first.says({ type: 'pong' });
    await vi.advanceTimersByTimeAsync(15_000);
    expect(states.at(-1)).toBe('online');
  }
  first.says({ type: 'pong' });
  platform.dispatchEvent(new Event('offline'));
  await vi.advanceTimersByTimeAsync(4_999);
  expect(states.at(-1)).toBe('online');
  await vi.advanceTimersByTimeAsync(1);
  expect(states.at(-1)).toBe('offline');
  socket.stop();
  vi.unstubAllGlobals();
});

test('a token that cannot be had now is asked for again; a refused one is not', async () => {
  const { socket, wire, wires, tokens, failWith } = bench();
  const middle = vi.spyOn(Math, 'random').mockReturnValue(0.5); // waits of 250 ms, then 500 ms
  failWith(new PorcupineError('unreachable', ''));
  socket.start();
  await vi.advanceTimersByTimeAsync(500);
  expect(tokens.length).toBeGreaterThan(1);
  failWith(null);
  const first = await wire(0);
  failWith(new PorcupineError('session_ended', ''));
  first.ends(1006);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(wires).toHaveLength(1);
  const asked = tokens.length;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(tokens).toHaveLength(asked);
  socket.stop();
  middle.mockRestore();
});

test('no answer to auth counts as lost', async () => {
  const { socket, wire, states } = bench();
  socket.start();
  (await wire(0)).opens();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(states.at(-1)).not.toBe('online');
  await wire(1);
  socket.stop();
});

test('the wait grows, is random over its whole range and is bounded', () => {
  expect([0, 1, 2, 3].map((attempt) => backoffDelay(attempt, () => 1))).toEqual([500, 1000, 2000, 4000]);
  expect(backoffDelay(50, () => 1)).toBe(30_000);
  expect(backoffDelay(5, () => 0)).toBe(0);
  expect([drainDelay('retry after 250'), drainDelay('retry after soon'), drainDelay('')]).toEqual([250, null, null]);
});
