/**
 * The part of a room's log that is in memory: an unbroken run of events that ends at the cursor, each with
 * what came of opening it, and the last message of each device behind it.
 */
import type { WireEvent } from '../client/wire.ts';
import { equalBytes, overRemoved, type Bytes, type ChainEnd, type ChainLink, type MessageFailure } from '../crypto/index.ts';
import { advanceChain, countRemoved, predecessor, type ChainState } from './chain.ts';

/** What came of opening a message: its text, or the check that failed. */
export interface Opened {
  text: string | null;
  failure: MessageFailure | null;
  /** Its place in its device's chain; null when it is not authentic, or in a room that is not encrypted. */
  link: ChainLink | null;
  /** Hash of the message before, as the sender signed it; all zeros for none. */
  previous: Bytes | null;
  /** The head of the members' log that its author saw, where this device does not know it. */
  unknownHead?: Bytes;
}

export interface WindowEvent {
  readonly event: WireEvent;
  /** null for events that are no messages. */
  readonly opened: Opened | null;
}

/** Opens one message; `previous` as in `predecessor`. */
export type Open = (event: WireEvent, previous: ChainEnd | null | undefined) => Promise<Opened>;

/** What an event that comes in is to the cursor. */
export type Arrival = 'next' | 'repeated' | 'gap';

export function arrival(cursor: number, seq: number): Arrival {
  if (seq <= cursor) {
    return 'repeated';
  }
  return seq === cursor + 1 ? 'next' : 'gap';
}

/** The longest unbroken run of seqs at the end of `items` that ends right below `end`. */
export function unbrokenRun<T>(items: readonly T[], seqOf: (item: T) => number, end: number): T[] {
  let start = items.length;
  for (let expected = end - 1; start > 0; expected -= 1) {
    const item = items[start - 1];
    if (item === undefined || seqOf(item) !== expected) {
      break;
    }
    start -= 1;
  }
  return items.slice(start);
}

/** The failures that only somebody who saw the messages before can find. */
export function isOrderFailure(failure: MessageFailure | null): boolean {
  return failure === 'replayed' || failure === 'gap' || failure === 'broken_chain' || failure === 'forked';
}

export class EventWindow {
  private events: WindowEvent[] = [];
  private chains: ChainState = new Map();
  private end = 0;

  get items(): readonly WindowEvent[] {
    return this.events;
  }

  /** The seq of the last event that is in, or would be. */
  get last(): number {
    return this.end;
  }

  /** The seq of the first event in memory, or of the one that would come first. */
  get first(): number {
    return this.end - this.events.length + 1;
  }

  get chainState(): ChainState {
    return this.chains;
  }

  find(seq: number): WindowEvent | undefined {
    return this.events[seq - this.first];
  }

  /** The hash of the authentic message at `seq`, if this device has it. */
  readonly hashAt = (seq: number): Bytes | undefined => this.find(seq)?.opened?.link?.hash;

  /** The newest authentic message; null for none. */
  newest(): { seq: number; hash: Bytes } | null {
    for (let index = this.events.length - 1; index >= 0; index -= 1) {
      const item = this.events[index];
      const link = item?.opened?.link ?? null;
      if (item !== undefined && link !== null && !isOrderFailure(item.opened?.failure ?? null)) {
        return { seq: item.event.seq, hash: link.hash };
      }
    }
    return null;
  }

  /** Begins anew behind `seq`; `chains` is what was seen up to there. */
  reset(seq: number, chains: ChainState = new Map()): void {
    this.events = [];
    this.end = seq;
    this.chains = chains;
  }

  /** What a message of `device` that comes next has to follow. */
  predecessor(device: string): ChainEnd | null | undefined {
    return predecessor(this.chains, device, this.first === 1);
  }

  append(added: WindowEvent): void {
    this.events.push(added);
    this.end = added.event.seq;
    const device = added.event.device;
    const link = added.opened?.link ?? null;
    countRemoved(this.chains, added.event, this.first === 1);
    if (device !== null && link !== null && added.opened?.failure !== 'replayed') {
      advanceChain(this.chains, device, link);
    }
  }

  /**
   * Adds older events in front, with the state that their chains end in. The first messages behind them can
   * be judged only now.
   */
  prepend(older: readonly WindowEvent[], endsOfOlder: ChainState): void {
    const complete = older[0]?.event.seq === 1;
    const chains: ChainState = new Map(endsOfOlder);
    const judged = new Set<string>();
    const later = this.events.map((item) => {
      const { event, opened } = item;
      const link = opened?.link ?? null;
      if (event.device === null || opened === null || judged.has(event.device)) {
        return item;
      }
      if (link === null) {
        countRemoved(chains, event, complete);
        return item;
      }
      judged.add(event.device);
      const fits = follows(opened.previous, link, predecessor(chains, event.device, complete));
      return fits ? item : { event, opened: { ...opened, text: null, failure: 'gap' as const } };
    });
    this.events = [...older, ...later];
    for (const [device, link] of chains) {
      if (!this.chains.has(device)) {
        this.chains.set(device, link);
      }
    }
  }

  /** Opens again what lacked its key; tells whether anything was opened. */
  async reopen(open: Open): Promise<boolean> {
    let changed = false;
    for (const item of this.events.filter(({ opened }) => opened?.failure === 'no_key')) {
      const opened = await open(item.event, undefined);
      const index = this.events.indexOf(item);
      if (opened.failure !== 'no_key' && index >= 0) {
        this.events[index] = { ...item, opened };
        changed = true;
      }
    }
    return changed;
  }
}

function follows(previous: Bytes | null, link: ChainLink, expected: ChainEnd | null | undefined): boolean {
  if (expected === undefined || previous === null) {
    return true;
  }
  if (expected === null) {
    return previous.every((byte) => byte === 0);
  }
  return equalBytes(previous, expected.hash) || (link.epoch === expected.epoch && overRemoved(expected, link.counter));
}
