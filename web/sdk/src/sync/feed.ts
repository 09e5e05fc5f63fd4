/**
 * One room's events on this device: the window in memory, the cursor, the stored copy, and how both stay an
 * unbroken run. A gap is closed by subscribing again from the cursor; a reset begins anew at the head and
 * pages backwards.
 *
 * It decides when an event enters, not what the event means.
 */
import { PorcupineError } from '../client/problem.ts';
import type { SubscribedFrame, WireEvent } from '../client/wire.ts';
import type { StoredRoom } from '../store/schema.ts';
import { ChainMemory } from './chain-memory.ts';
import type { SessionContext } from './context.ts';
import { isMessage, openRun, toStored } from './opening.ts';
import { EventWindow, arrival, unbrokenRun, type Open, type WindowEvent } from './window.ts';

const pageSize = 50;

export interface FeedPorts {
  room: string;
  /** Reads what an event changes about the room, before it or anything later is opened. */
  learn(event: WireEvent): Promise<void>;
  open: Open;
  /** What new events mean beyond the timeline. They are stored, also when a later one of their batch failed. */
  digest(taken: readonly WindowEvent[]): Promise<void>;
}

export class Feed {
  readonly window = new EventWindow();
  readonly memory = new ChainMemory();
  private stream: number | null = null;
  private exhausted = false;
  private paging = false;
  /** Subscribed, not answered yet: what is missing is on its way. */
  private asking = false;
  /** The end of what was here when that was asked. */
  private askedAt = 0;

  constructor(
    private readonly context: SessionContext,
    private readonly ports: FeedPorts,
  ) {}

  /** Whether there is a beginning: a cursor, from this device's store or the server. */
  get begun(): boolean {
    return this.stream !== null;
  }

  get hasOlder(): boolean {
    return this.begun && !this.exhausted && this.window.first > 1;
  }

  get loadingOlder(): boolean {
    return this.paging;
  }

  /** Takes up where this device stopped. */
  async load(stored: StoredRoom): Promise<void> {
    if (stored.cursor === null) {
      return;
    }
    this.stream = stored.cursor.stream;
    this.exhausted = stored.complete;
    this.window.reset(stored.cursor.seq, new Map(stored.cursor.chains));
    if (stored.cursor.before !== undefined) {
      this.memory.restore(stored.cursor.before);
    }
    await this.prependStored();
  }

  /** Asks for everything after the cursor; false when there is no connection. */
  subscribe(): boolean {
    const cursor = this.stream === null ? {} : { after: this.window.last, stream: this.stream };
    this.askedAt = this.window.last;
    this.asking = this.context.send({ type: 'subscribe', room: this.ports.room, ...cursor });
    return this.asking;
  }

  /** The connection is gone, and with it the subscription. */
  disconnected(): void {
    this.asking = false;
  }

  /** The events of the batch that are new here, in order; asks again from the cursor when one is missing. */
  async take(batch: readonly WireEvent[]): Promise<void> {
    const taken: WindowEvent[] = [];
    try {
      for (const event of batch) {
        const place = this.begun ? arrival(this.window.last, event.seq) : 'gap';
        if (place === 'next') {
          taken.push(await this.append(event));
        } else if (place === 'gap') {
          this.askAgain();
          break;
        }
      }
    } finally {
      if (taken.length > 0) {
        await this.context.store.appendEvents(this.ports.room, taken.map(toStored), this.cursor());
        await this.ports.digest(taken);
      }
    }
  }

  /** The server has events up to `head`: ask for what is missing. */
  noticeHead(head: number): void {
    if (this.begun && head > this.window.last) {
      this.askAgain();
    }
  }

  /** The answer to `subscribe`: without a cursor, or with one that the server does not know, begin anew. */
  async subscribed(frame: Pick<SubscribedFrame, 'head' | 'stream'>, reset: boolean): Promise<void> {
    this.asking = false;
    if (!reset && this.stream === frame.stream) {
      this.memory.compareHead(this.askedAt, frame.head);
      return;
    }
    this.memory.keep(this.window.chainState, this.window.last, this.window.newest(), frame.head);
    this.stream = frame.stream;
    this.exhausted = false;
    this.window.reset(frame.head);
    await this.context.store.resetEvents(this.ports.room, this.cursor());
    await this.prependFetched();
  }

  async loadOlder(): Promise<void> {
    if (this.paging || !this.hasOlder) {
      return;
    }
    this.paging = true;
    try {
      if (!(await this.prependStored())) {
        await this.prependFetched();
      }
    } finally {
      this.paging = false;
    }
  }

  /** Opens again what lacked its key; tells whether anything was opened. */
  reopen(): Promise<boolean> {
    return this.window.reopen(this.open);
  }

  /** The event at `seq`, from wherever it can be had; null when the server has none there. */
  async eventAt(seq: number): Promise<WireEvent | null> {
    const here = this.window.find(seq)?.event ?? (await this.context.store.events(this.ports.room, seq + 1, 1))[0]?.event;
    if (here?.seq === seq) {
      return here;
    }
    const { results } = await this.context.api.messages(this.ports.room, { before: seq + 1, limit: 1 });
    return results.find((event) => event.seq === seq) ?? null;
  }

  private askAgain(): void {
    if (!this.asking) {
      this.subscribe();
    }
  }

  private async append(event: WireEvent): Promise<WindowEvent> {
    await this.ports.learn(event);
    const previous = event.device === null ? null : this.window.predecessor(event.device);
    const opened = isMessage(event) ? await this.open(event, previous) : null;
    const item = { event, opened };
    this.window.append(item);
    return item;
  }

  private async prependStored(): Promise<boolean> {
    const before = this.window.first;
    const stored = await this.context.store.events(this.ports.room, before, pageSize);
    const run = unbrokenRun(stored, ({ event }) => event.seq, before);
    await this.prepend(run);
    return run.length > 0;
  }

  private async prependFetched(): Promise<void> {
    const before = this.window.first;
    if (before <= 1) {
      return;
    }
    const page = await this.context.api.messages(this.ports.room, { before, limit: pageSize });
    if (page.stream !== this.stream) {
      // The server's history changed meanwhile: its answer to the old cursor says so.
      this.askAgain();
      return;
    }
    const events = unbrokenRun(page.results, ({ seq }) => seq, before);
    if (events.length < page.results.length) {
      throw new PorcupineError('malformed_answer', 'the server left events out');
    }
    this.exhausted = page.results.length < pageSize;
    const run = events.map((event) => ({ event, fault: null }));
    const items = await this.prepend(run);
    await this.context.store.prependEvents(this.ports.room, items.map(toStored), this.exhausted);
  }

  private async prepend(run: Parameters<typeof openRun>[0]): Promise<WindowEvent[]> {
    const { items, chains } = await openRun(run, this.open);
    this.memory.compare(items);
    this.window.prepend(items, chains);
    return items;
  }

  private readonly open: Open = async (event, previous) =>
    this.memory.judge(event, await this.ports.open(event, previous));

  private cursor(): NonNullable<StoredRoom['cursor']> {
    const chains = [...this.window.chainState];
    return { stream: this.stream ?? 0, seq: this.window.last, chains, before: this.memory.stored };
  }
}
