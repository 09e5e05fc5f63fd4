/**
 * The messages of this browser that are on their way into one room, in the order they were written.
 *
 * The rules that keep a message single and its key unique:
 *  - one send is in flight per room and device, under a lock that the browser's tabs share;
 *  - counter and finished body are stored before the first byte is sent;
 *  - after an unknown outcome the identical bytes are sent again; only a definite refusal (`stale_epoch`,
 *    `epoch_closed`) permits another encryption under the same client id, and frees the counter.
 *
 * It owns the outbox records; how a message is encrypted and transmitted is handed in.
 */
import { backoffDelay } from '../client/backoff.ts';
import type { Locks } from '../client/locks.ts';
import { PorcupineError, problemFrom } from '../client/problem.ts';
import type { ErrorFrame } from '../client/wire.ts';
import type { Bytes, ChainLink } from '../crypto/index.ts';
import type { OutboxRecord } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { Serial } from './serial.ts';

export interface OutboxPorts {
  room: string;
  locks: Locks;
  lockName: string;
  store: Pick<Store, 'outbox' | 'addToOutbox' | 'updateOutbox' | 'removeFromOutbox' | 'chain' | 'settle'>;
  /** Whether what is written now is for an encrypted room. */
  encrypted(): boolean;
  seal(text: string): Promise<Bytes>;
  unseal(sealed: Bytes): Promise<string>;
  /** Whether sending makes sense now; otherwise `wake` will be called. */
  ready(): boolean;
  /** Encrypts for the current epoch; null when the room is not ready for that: tried again after a while, or at `wake`. */
  build(
    message: { clientId: string; text: string; encrypted: boolean },
    last: ChainLink | null,
  ): Promise<{ body: string; link: ChainLink } | null>;
  /** Hands the frame to the socket; false when there is no connection. */
  transmit(clientId: string, epoch: number, body: string): boolean;
  /** The seq up to which the timeline has the room's events. */
  seen(): number;
  /** The epoch is not the current one or is closed: read the room again. False when that failed. */
  epochMoved(): Promise<boolean>;
  onChange(): void;
  /** The stored queue changed, for the other tabs to read it again. */
  onStored(): void;
  report(error: unknown): void;
}

/** A queued message as the timeline shows it. */
export interface OutgoingMessage {
  record: OutboxRecord;
  text: string;
}

type Outcome =
  | { kind: 'stored'; seq: number }
  | { kind: 'refused'; problem: PorcupineError }
  | { kind: 'unknown'; silent: boolean };

type Step = 'again' | 'wait';

const answerDeadline = 15_000;
/** The epoch may move on while a message is encrypted; more often than this in a row is no accident. */
const staleTries = 3;

export class Outbox {
  private readonly adding = new Serial();
  private messages: OutgoingMessage[] = [];
  private flight: { clientId: string; resolve: (outcome: Outcome) => void } | null = null;
  private pumping = false;
  private wokenMeanwhile = false;
  private closed = false;
  private silences = 0;
  private staleTimes = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly ports: OutboxPorts) {}

  get pending(): readonly OutgoingMessage[] {
    return this.messages;
  }

  /** Reads the stored queue, at the start and after another tab has changed it. */
  async load(): Promise<void> {
    const records = await this.ports.store.outbox(this.ports.room);
    const known = new Map(this.messages.map((message) => [message.record.clientId, message.text]));
    const done = ({ state, seq }: OutboxRecord): boolean => state === 'sent' && (seq ?? 0) <= this.ports.seen();
    await Promise.all(records.filter(done).map((record) => this.remove(record)));
    this.messages = await Promise.all(
      records.filter((record) => !done(record)).map(async (record) => ({
        record,
        text: known.get(record.clientId) ?? (await this.ports.unseal(record.text)),
      })),
    );
    this.ports.onChange();
    this.wake();
  }

  /** Queues a text; texts keep the order in which this was called. */
  add(text: string): Promise<void> {
    return this.adding.run(async () => {
      const record = await this.ports.store.addToOutbox({
        room: this.ports.room,
        clientId: crypto.randomUUID(),
        text: await this.ports.seal(text),
        encrypted: this.ports.encrypted(),
        at: Date.now(),
        state: 'queued',
        built: null,
        seq: null,
        problem: null,
      });
      this.messages.push({ record, text });
      this.ports.onStored();
      this.ports.onChange();
      this.wake();
    });
  }

  /** A failed message goes to the end of the queue, as a new one: its old client id is spent. */
  async retry(clientId: string): Promise<void> {
    const message = this.failed(clientId);
    if (message !== undefined) {
      await this.remove(message.record);
      await this.add(message.text);
    }
  }

  async discard(clientId: string): Promise<void> {
    const message = this.failed(clientId);
    if (message !== undefined) {
      await this.remove(message.record);
    }
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
    void this.pump().finally(() => {
      this.pumping = false;
      if (this.wokenMeanwhile) {
        this.wokenMeanwhile = false;
        this.wake();
      }
    });
  }

  acknowledged(clientId: string, seq: number): void {
    this.resolve(clientId, { kind: 'stored', seq });
  }

  refused(frame: ErrorFrame): void {
    if (frame.client_id !== undefined) {
      this.resolve(frame.client_id, { kind: 'refused', problem: problemFrom(frame, null) });
    }
  }

  disconnected(): void {
    if (this.flight !== null) {
      this.resolve(this.flight.clientId, { kind: 'unknown', silent: false });
    }
  }

  /** An event of this device has entered the timeline: its record is done with. */
  async appeared(clientId: string, seq: number, body: string): Promise<void> {
    this.resolve(clientId, { kind: 'stored', seq });
    if (!this.messages.some(({ record }) => record.clientId === clientId)) {
      return;
    }
    // The store knows the body also when another tab has encrypted it.
    const stored = await this.ports.store.outbox(this.ports.room);
    const record = stored.find((one) => one.clientId === clientId);
    if (record !== undefined && record.built?.body !== body) {
      return;
    }
    if (record !== undefined && record.built !== null) {
      await this.settle(record, record.built.link, null);
    }
    this.messages = this.messages.filter((one) => one.record.clientId !== clientId);
    this.ports.onChange();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.disconnected();
  }

  private async pump(): Promise<void> {
    let step: Step = 'again';
    while (step === 'again' && !this.closed && this.hasWork()) {
      step = await this.ports.locks.run(this.ports.lockName, () => this.sendFirst());
    }
  }

  private hasWork(): boolean {
    return this.messages.some(({ record }) => record.state === 'queued' || record.state === 'built');
  }

  /** One message, under the lock. The stored queue counts, since another tab may have worked on it. */
  private async sendFirst(): Promise<Step> {
    const stored = await this.ports.store.outbox(this.ports.room);
    let record = stored.find(({ state }) => state === 'queued' || state === 'built');
    if (record === undefined || this.closed || !this.ports.ready()) {
      return 'wait';
    }
    if (record.built === null) {
      const text = await this.textOf(record);
      let built;
      try {
        const last = await this.ports.store.chain(this.ports.room);
        built = await this.ports.build({ ...record, text }, last ?? null);
      } catch (error) {
        this.ports.report(error);
        const problem = error instanceof PorcupineError ? error : new PorcupineError('internal', 'it could not be encrypted');
        await this.fail(record, problem);
        return 'again';
      }
      if (built === null) {
        return this.pause();
      }
      record = await this.change({ ...record, state: 'built', built });
    }
    return this.conclude(record, await this.transmit(record));
  }

  private transmit(record: OutboxRecord): Promise<Outcome> {
    const { clientId, built } = record;
    return new Promise<Outcome>((resolve) => {
      const deadline = setTimeout(() => this.resolve(clientId, { kind: 'unknown', silent: true }), answerDeadline);
      this.flight = {
        clientId,
        resolve: (outcome) => {
          clearTimeout(deadline);
          this.flight = null;
          resolve(outcome);
        },
      };
      if (built === null || !this.ports.transmit(clientId, built.link.epoch, built.body)) {
        this.disconnected();
      }
    });
  }

  private async conclude(record: OutboxRecord, outcome: Outcome): Promise<Step> {
    switch (outcome.kind) {
      case 'stored':
        this.silences = 0;
        this.staleTimes = 0;
        await this.stored(record, outcome.seq);
        return 'again';
      case 'unknown':
        return outcome.silent ? this.pause() : 'wait';
      case 'refused':
        return this.refusal(record, outcome.problem);
    }
  }

  private async stored(record: OutboxRecord, seq: number): Promise<void> {
    const shown = this.messages.find((message) => message.record.order === record.order);
    // Its event may have been faster than its ack; then the record is gone already.
    if (record.built === null || shown === undefined) {
      return;
    }
    if (seq <= this.ports.seen()) {
      this.messages = this.messages.filter((message) => message !== shown);
      await this.settle(record, record.built.link, null);
    } else {
      shown.record = { ...record, state: 'sent', seq };
      await this.settle(record, record.built.link, shown.record);
    }
    this.ports.onChange();
  }

  private async settle(record: OutboxRecord, link: ChainLink, next: OutboxRecord | null): Promise<void> {
    const order = record.order;
    await this.ports.store.settle(this.ports.room, link, order === undefined ? null : { order, record: next });
  }

  private async refusal(record: OutboxRecord, problem: PorcupineError): Promise<Step> {
    switch (problem.code) {
      case 'stale_epoch':
      case 'epoch_closed':
        await this.change({ ...record, state: 'queued', built: null });
        return (await this.ports.epochMoved()) && ++this.staleTimes <= staleTries ? 'again' : this.pause();
      case 'busy':
      case 'rate_limited':
        this.wakeIn((problem.retryAfter ?? 1) * 1000 + backoffDelay(0));
        return 'wait';
      case 'invalid':
      case 'too_large':
      case 'not_member':
      case 'role':
      case 'duplicate_mismatch':
        await this.fail(record, problem);
        return 'again';
      default:
        // A defect or the end of a session says nothing about what was stored.
        this.ports.report(problem);
        return this.pause();
    }
  }

  private async fail(record: OutboxRecord, problem: PorcupineError): Promise<void> {
    await this.change({ ...record, state: 'failed', built: null, problem: problem.title });
    this.ports.onStored();
  }

  private async change(record: OutboxRecord): Promise<OutboxRecord> {
    await this.ports.store.updateOutbox(record);
    const shown = this.messages.find((message) => message.record.order === record.order);
    if (shown !== undefined) {
      shown.record = record;
      this.ports.onChange();
    }
    return record;
  }

  private async remove(record: OutboxRecord): Promise<void> {
    this.messages = this.messages.filter((message) => message.record.clientId !== record.clientId);
    if (record.order !== undefined) {
      await this.ports.store.removeFromOutbox(record.order);
      this.ports.onStored();
    }
    this.ports.onChange();
  }

  private failed(clientId: string): OutgoingMessage | undefined {
    return this.messages.find(({ record }) => record.clientId === clientId && record.state === 'failed');
  }

  private async textOf(record: OutboxRecord): Promise<string> {
    const known = this.messages.find((message) => message.record.clientId === record.clientId);
    return known?.text ?? (await this.ports.unseal(record.text));
  }

  private resolve(clientId: string, outcome: Outcome): void {
    if (this.flight?.clientId === clientId) {
      this.flight.resolve(outcome);
    }
  }

  /** Tries again after a while that grows from time to time. */
  private pause(): Step {
    this.wakeIn(backoffDelay(this.silences++));
    return 'wait';
  }

  private wakeIn(delay: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.wake(), delay);
  }
}
