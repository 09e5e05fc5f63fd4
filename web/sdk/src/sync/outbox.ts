/**
 * Sends the messages of this browser that are on their way into one room, in the order they were written.
 *
 * The rules that keep a message single and its key unique:
 *  - one send is in flight per room and device, under a lock that the browser's tabs share;
 *  - counter and finished body are stored before the first byte is sent;
 *  - after an unknown outcome the identical bytes are sent again; only a definite refusal (`stale_epoch`,
 *    `epoch_closed`) permits another encryption under the same client id, and frees the counter.
 *
 * It owns the turn of sending; the records are the queue's, how a message is encrypted and transmitted is
 * handed in.
 */
import { backoffDelay } from '../client/backoff.ts';
import type { Locks } from '../client/locks.ts';
import { PorcupineError, problemFrom } from '../client/problem.ts';
import type { ErrorFrame } from '../client/wire.ts';
import type { ChainLink } from '../crypto/index.ts';
import type { OutboxRecord } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { Flight, type Outcome } from './outbox-flight.ts';
import { OutboxQueue, type OutgoingMessage, type QueuePorts } from './outbox-queue.ts';

export type { OutgoingMessage } from './outbox-queue.ts';

export interface OutboxPorts extends QueuePorts {
  store: QueuePorts['store'] & Pick<Store, 'chain'>;
  locks: Locks;
  lockName: string;
  /** Whether sending makes sense now; otherwise `wake` will be called. */
  ready(): boolean;
  /** Makes the body for the current epoch; null when the room is not ready for that: tried again after a while. */
  build(message: Draft, last: ChainLink | null): Promise<Built | null>;
  /** Hands the frame to the socket; false when there is no connection. */
  transmit(clientId: string, epoch: number, body: string): boolean;
  /** The epoch is not the current one or is closed: read the room again. False when that failed. */
  epochMoved(): Promise<boolean>;
  report(error: unknown): void;
}

/** A message to be made. */
export interface Draft {
  clientId: string;
  text: string;
  /** It was written in an encrypted room, and must not leave in any other way. */
  encrypted: boolean;
}

export type Built = NonNullable<OutboxRecord['built']>;

type Step = 'again' | 'wait';

/** The epoch may move on while a message is encrypted; more often than this in a row is no accident. */
const staleTries = 3;

/** Refusals that say that nothing was stored; after any other the message may be in the log all the same. */
const definite = new Set(['invalid', 'too_large', 'not_member', 'role', 'duplicate_mismatch', 'muted', 'archived', 'gone', 'quota']);

export class Outbox {
  private readonly queue: OutboxQueue;
  private readonly flight = new Flight();
  /** Acknowledged over the connection that there is now. */
  private readonly acked = new Set<string>();
  private pumping = false;
  private wokenMeanwhile = false;
  private closed = false;
  private failures = 0;
  private staleTimes = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly ports: OutboxPorts) {
    this.queue = new OutboxQueue(ports);
  }

  get pending(): readonly OutgoingMessage[] {
    return this.queue.shown;
  }

  /** Reads the stored queue, at the start and after another tab has changed it. */
  async load(): Promise<void> {
    await this.queue.refresh();
    this.wake();
  }

  async add(text: string): Promise<void> {
    await this.queue.add(text);
    this.wake();
  }

  async retry(clientId: string): Promise<void> {
    await this.queue.retry(clientId);
    this.wake();
  }

  discard(clientId: string): Promise<void> {
    return this.queue.discard(clientId);
  }

  /** Something changed for the better: connected, a new epoch, let in. */
  wake(): void {
    if (this.closed) {
      return;
    }
    clearTimeout(this.timer);
    if (this.pumping) {
      this.wokenMeanwhile = true;
      return;
    }
    this.pumping = true;
    void this.pump().then(() => {
      this.pumping = false;
      if (this.wokenMeanwhile) {
        this.wokenMeanwhile = false;
        this.wake();
      }
    });
  }

  acknowledged(clientId: string, seq: number): void {
    this.acked.add(clientId);
    this.flight.land(clientId, { kind: 'stored', seq });
  }

  refused(frame: ErrorFrame): void {
    if (frame.client_id !== undefined) {
      this.flight.land(frame.client_id, { kind: 'refused', problem: problemFrom(frame, null) });
    }
  }

  disconnected(): void {
    this.acked.clear();
    this.flight.lost();
  }

  /** An event under this device's name has entered the timeline; `link` as in the queue. */
  async appeared(clientId: string, seq: number, body: string, link: ChainLink | null): Promise<void> {
    if (await this.queue.appeared(clientId, body, link)) {
      this.flight.land(clientId, { kind: 'stored', seq });
    }
  }

  /** The timeline has come further, perhaps: what was acknowledged must be there. `head` as it was subscribed. */
  check(head = Infinity): Promise<void> {
    return this.queue.check(head, this.acked);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.disconnected();
    this.queue.close();
  }

  /** Never rejects: what fails here is told and tried again. */
  private async pump(): Promise<void> {
    try {
      let step: Step = 'again';
      while (step === 'again' && !this.closed) {
        step = await this.ports.locks.run(this.ports.lockName, () => this.sendFirst());
      }
    } catch (error) {
      if (!this.closed) {
        this.ports.report(error);
        this.pause();
      }
    }
  }

  /** One message, under the lock. The stored queue counts, since another tab may have worked on it. */
  private async sendFirst(): Promise<Step> {
    const record = this.closed || !this.ports.ready() ? undefined : await this.queue.first();
    if (record === undefined) {
      return 'wait';
    }
    const built = record.built ?? (await this.build(record));
    if (built === null) {
      return this.pause();
    }
    if (built === 'failed') {
      return 'again';
    }
    const { clientId } = record;
    const send = (): boolean => this.ports.transmit(clientId, built.link.epoch, built.body);
    return this.conclude({ ...record, state: 'built', built }, await this.flight.send(clientId, send));
  }

  /** Makes a message's body and stores it; null when the room is not ready. */
  private async build(record: OutboxRecord): Promise<Built | 'failed' | null> {
    const { clientId, encrypted } = record;
    let built: Built | null;
    try {
      const text = await this.ports.unseal(record.text);
      const last = await this.ports.store.chain(this.ports.room);
      built = await this.ports.build({ clientId, text, encrypted }, last ?? null);
    } catch (error) {
      this.ports.report(error);
      const problem = error instanceof PorcupineError ? error : new PorcupineError('internal', 'it could not be encrypted');
      await this.queue.fail(record, problem);
      return 'failed';
    }
    if (built !== null) {
      await this.queue.update({ ...record, state: 'built', built });
    }
    return built;
  }

  private async conclude(record: OutboxRecord, outcome: Outcome): Promise<Step> {
    switch (outcome.kind) {
      case 'stored':
        this.failures = 0;
        this.staleTimes = 0;
        await this.queue.acknowledged(record.clientId, outcome.seq);
        await this.check();
        return 'again';
      case 'unknown':
        return outcome.silent ? this.pause() : 'wait';
      case 'refused':
        return this.refusal(record, outcome.problem);
    }
  }

  private async refusal(record: OutboxRecord, problem: PorcupineError): Promise<Step> {
    if (problem.code === 'stale_epoch' || problem.code === 'epoch_closed') {
      await this.queue.update({ ...record, state: 'queued', built: null });
      return (await this.ports.epochMoved()) && ++this.staleTimes <= staleTries ? 'again' : this.pause();
    }
    if (definite.has(problem.code)) {
      await this.queue.fail(record, problem);
      return 'again';
    }
    this.ports.report(problem);
    return this.pause((problem.retryAfter ?? 0) * 1000);
  }

  /** Tries again after a while that grows from time to time, and not before `least` milliseconds. */
  private pause(least = 0): Step {
    clearTimeout(this.timer);
    if (!this.closed) {
      this.timer = setTimeout(() => this.wake(), least + backoffDelay(this.failures++));
    }
    return 'wait';
  }
}
