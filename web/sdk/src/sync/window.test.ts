/** The chain of each device's messages across what is appended, prepended and reset. */
import { expect, test } from 'vitest';
import type { WireEvent } from '../client/wire.ts';
import type { Bytes, ChainLink } from '../crypto/index.ts';
import { advanceChain, countRemoved, predecessor } from './chain.ts';
import { EventWindow, arrival, unbrokenRun, type WindowEvent } from './window.ts';

const hash = (counter: number): Bytes => new Uint8Array(32).fill(counter + 1);
const link = (counter: number, epoch = 0): ChainLink => ({ epoch, counter, hash: hash(counter) });

/** The message number `counter` of device `d` at `seq`; it names `previous` as the one before. */
function message(seq: number, counter: number, previous = counter === 0 ? new Uint8Array(32) : hash(counter - 1)): WindowEvent {
  const event = { seq, kind: 'message', device: 'd' } as WireEvent;
  return { event, opened: { text: 'x', failure: null, link: link(counter), previous } };
}

test('arrival tells the next event from repeats and gaps', () => {
  expect([arrival(4, 5), arrival(4, 4), arrival(4, 1), arrival(4, 6)]).toEqual(['next', 'repeated', 'repeated', 'gap']);
});

test('the unbroken run ends right below the given seq', () => {
  const seqs = [1, 2, 4, 5, 6];
  const same = (seq: number): number => seq;
  expect(unbrokenRun(seqs, same, 7)).toEqual([4, 5, 6]);
  expect(unbrokenRun(seqs, same, 8)).toEqual([]);
  expect(unbrokenRun([], same, 1)).toEqual([]);
});

test('a predecessor is unknown only where the log was not read from its beginning', () => {
  const state = new Map<string, ChainLink>();
  expect(predecessor(state, 'd', true)).toBeNull();
  expect(predecessor(state, 'd', false)).toBeUndefined();
  advanceChain(state, 'd', link(3));
  advanceChain(state, 'd', link(1));
  expect(predecessor(state, 'd', true)).toEqual(link(3));
  advanceChain(state, 'd', link(0, 1));
  expect(predecessor(state, 'd', false)).toEqual(link(0, 1));
});

test('the window hands each message the one before it', () => {
  const window = new EventWindow();
  expect(window.predecessor('d')).toBeNull();
  window.append(message(1, 0));
  expect(window.predecessor('d')).toEqual(link(0));
  expect(window.hashAt(1)).toEqual(hash(0));
  expect(window.newest()).toEqual({ seq: 1, hash: hash(0) });
});

test('older events fit in front when the chain joins up', () => {
  const window = new EventWindow();
  window.reset(2);
  window.append(message(3, 2));
  window.prepend([message(1, 0), message(2, 1)], new Map([['d', link(1)]]));
  expect(window.items.map(({ opened }) => opened?.failure)).toEqual([null, null, null]);
  expect(window.first).toBe(1);
});

test('a message dropped at the seam of two pages shows', () => {
  const window = new EventWindow();
  window.reset(2);
  window.append(message(3, 2));
  window.prepend([message(1, 0), { event: { seq: 2, kind: 'epoch', device: null } as WireEvent, opened: null }], new Map([['d', link(0)]]));
  expect(window.items.at(-1)?.opened).toMatchObject({ failure: 'gap', text: null });
});

test('only what lacked its key is opened again', async () => {
  const window = new EventWindow();
  const locked = message(1, 0);
  window.append({ event: locked.event, opened: { text: null, failure: 'no_key', link: link(0), previous: null } });
  window.append(message(2, 1));
  const opened: number[] = [];
  const changed = await window.reopen((event) => {
    opened.push(event.seq);
    return Promise.resolve({ text: 'now', failure: null, link: link(0), previous: null });
  });
  expect(changed).toBe(true);
  expect(opened).toEqual([1]);
  expect(window.find(1)?.opened?.text).toBe('now');
});

/** What is left of a message of device `d`. */
function removed(seq: number, fields: Partial<WireEvent> = {}): WindowEvent {
  const event = { seq, kind: 'message', device: 'd', epoch: 0, body: '', ...fields } as WireEvent;
  return { event, opened: { text: null, failure: 'malformed', link: null, previous: null } };
}

test('removed messages are counted for the device and epoch that the chain is in, and nothing else is', () => {
  const state = new Map<string, ChainLink>();
  countRemoved(state, removed(1).event, false);
  expect(predecessor(state, 'd', false)).toBeUndefined();
  countRemoved(state, removed(1, { epoch: 2 }).event, true);
  expect(predecessor(state, 'd', true)).toBeNull();
  countRemoved(state, removed(1).event, true);
  expect(predecessor(state, 'd', true)).toEqual({ epoch: 0, counter: -1, hash: new Uint8Array(32), removed: 1 });
  advanceChain(state, 'd', link(3));
  for (const fields of [{}, {}, { device: 'e' }, { epoch: 1 }, { kind: 'edit' }, { kind: 'reaction' }, { body: 'eA==' }, { body: null }]) {
    countRemoved(state, removed(9, fields).event, true);
  }
  expect(predecessor(state, 'd', true)).toEqual({ ...link(3), removed: 2 });
  advanceChain(state, 'd', link(6));
  expect(predecessor(state, 'd', true)).toEqual(link(6));
});

test('older events fit in front over what was removed at the seam, but over no more than that', () => {
  const seam = (counter: number, gone: WindowEvent[], goneBefore = 0) => {
    const window = new EventWindow();
    window.reset(10);
    for (const item of gone) window.append(item);
    window.append(message(11 + gone.length, counter));
    window.prepend([message(10, 1)], new Map([['d', { ...link(1), removed: goneBefore }]]));
    return window.items.at(-1)?.opened?.failure;
  };
  expect(seam(3, [removed(11)])).toBeNull();
  expect(seam(4, [removed(11)], 1)).toBeNull();
  expect(seam(2, [removed(11)])).toBeNull();
  expect(seam(3, [])).toBe('gap');
  expect(seam(4, [removed(11)])).toBe('gap');
  expect(seam(3, [removed(11, { device: 'e' })])).toBe('gap');
  expect(seam(3, [removed(11, { kind: 'edit' })])).toBe('gap');
});
