/**
 * The stored messages of one room's outbox and what is shown of them. The store is the truth, since other
 * tabs work on it too; what is shown is read from it after each change, one reading after the other.
 *
 * An ack is only the server's word: a record goes when the message itself is in the room's log, and never
 * before. This sends nothing.
 */
import { PorcupineError } from '../client/problem.ts';
import type { WireEvent } from '../client/wire.ts';
import type { Bytes, ChainLink } from '../crypto/index.ts';
import type { OutboxRecord } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { Serial } from './serial.ts';

export interface QueuePorts {
  room: string;
  store: Pick<Store, 'outbox' | 'addToOutbox' | 'updateOutbox' | 'removeFromOutbox' | 'requeue' | 'settle'>;
  seal(text: string): Promise<Bytes>;
  unseal(sealed: Bytes): Promise<string>;
  /** Whether the room is an encrypted one, as far as this device knows. */
  encrypted(): boolean;
  /** The seq up to which the timeline has the room's events. */
  seen(): number;
  /** The room's event at `seq`, null when there is none; rejects when that cannot be told now. */
  eventAt(seq: number): Promise<WireEvent | null>;
  onChange(): void;
  /** The stored queue changed, for the other tabs to read it again. */
  onStored(): void;
}

/** A queued message as the timeline shows it. */
export interface OutgoingMessage {
  record: OutboxRecord;
  text: string;
}

const lost = new PorcupineError('lost', 'the server said that it had this message, and lost it');

export class OutboxQueue {
  private readonly adding = new Serial();
  private readonly reading = new Serial();
  private messages: readonly OutgoingMessage[] = [];
  private closed = false;

  constructor(private readonly ports: QueuePorts) {}

  get shown(): readonly OutgoingMessage[] {
    return this.messages;
  }

  /** Reads what is shown from the store; the last reading counts. */
  refresh(): Promise<void> {
    return this.reading.run(async () => {
      if (this.closed) {
        return;
      }
      const records = await this.stored();
      const known = new Map(this.messages.map(({ record, text }) => [record.clientId, text]));
      this.messages = await Promise.all(
        records.map(async (record) => ({
          record,
          text: known.get(record.clientId) ?? (await this.ports.unseal(record.text)),
        })),
      );
      this.ports.onChange();
    });
  }

  /** Queues a text; texts keep the order in which this was called. */
  add(text: string): Promise<void> {
    const encrypted = this.ports.encrypted();
    return this.adding.run(async () => {
      await this.ports.store.addToOutbox(this.fresh(await this.ports.seal(text), encrypted));
      await this.changed();
    });
  }

  /** Puts a failed message at the end of the queue, as a new one: its old client id is spent. */
  retry(clientId: string): Promise<void> {
    return this.adding.run(async () => {
      const record = await this.find(clientId);
      if (record?.state === 'failed' && record.order !== undefined) {
        await this.ports.store.requeue(record.order, this.fresh(record.text, record.encrypted));
        await this.changed();
      }
    });
  }

  discard(clientId: string): Promise<void> {
    return this.adding.run(async () => {
      const record = await this.find(clientId);
      if (record?.state === 'failed' && record.order !== undefined) {
        await this.ports.store.removeFromOutbox(record.order);
        await this.changed();
      }
    });
  }

  /** The first message that is to be sent. */
  async first(): Promise<OutboxRecord | undefined> {
    return (await this.stored()).find(({ state }) => state === 'queued' || state === 'built');
  }

  async find(clientId: string): Promise<OutboxRecord | undefined> {
    return (await this.stored()).find((record) => record.clientId === clientId);
  }

  /** Stores what became of a record that is still there. */
  async update(record: OutboxRecord): Promise<void> {
    await this.ports.store.updateOutbox(record);
    await this.refresh();
  }

  async fail(record: OutboxRecord, problem: PorcupineError): Promise<void> {
    await this.ports.store.updateOutbox({ ...record, state: 'failed', built: null, problem: problem.title });
    await this.changed();
  }

  /** The server says that it has the message, at `seq`. Its event may have been faster. */
  async acknowledged(clientId: string, seq: number): Promise<void> {
    const record = await this.find(clientId);
    if (record !== undefined && record.built !== null) {
      await this.settle(record.built.link, record, { ...record, state: 'sent', seq });
    }
  }

  /**
   * An event under this device's name has entered the timeline; tells whether it is this device's own. Its
   * authentic place in the device's chain, `link`, proves that, whatever the server said about it before; in
   * a room that is not encrypted there is none, and the body decides.
   */
  async appeared(clientId: string, body: string, link: ChainLink | null): Promise<boolean> {
    const record = await this.find(clientId);
    const proven = link ?? (record?.built?.body === body ? record.built.link : null);
    if (proven !== null) {
      await this.settle(proven, record, null);
    }
    return proven !== null;
  }

  /**
   * Looks for the acknowledged messages that the timeline should have by now. `head` is where the room ends by
   * the server's word; whoever is in `fresh` was acknowledged later than that, perhaps.
   */
  async check(head: number, fresh: ReadonlySet<string>): Promise<void> {
    for (const { record } of this.messages) {
      const { state, seq, clientId } = record;
      if (state !== 'sent' || seq === null) {
        continue;
      }
      if (seq <= this.ports.seen()) {
        await this.lookFor(record, seq);
      } else if (seq > head && !fresh.has(clientId)) {
        await this.fail(record, lost);
      }
    }
  }

  close(): void {
    this.closed = true;
  }

  private async lookFor(record: OutboxRecord, seq: number): Promise<void> {
    const event = await this.ports.eventAt(seq);
    if (record.built !== null && event?.client_id === record.clientId && event.body === record.built.body) {
      await this.settle(record.built.link, record, null);
    } else {
      await this.fail(record, lost);
    }
  }

  /** The device's chain moves on over `link`; the record becomes `next`, or goes. */
  private async settle(link: ChainLink, record: OutboxRecord | undefined, next: OutboxRecord | null): Promise<void> {
    const order = record?.order;
    await this.ports.store.settle(this.ports.room, link, order === undefined ? null : { order, record: next });
    await this.refresh();
  }

  private fresh(text: Bytes, encrypted: boolean): OutboxRecord {
    const { room } = this.ports;
    const clientId = crypto.randomUUID();
    return { room, clientId, text, encrypted, at: Date.now(), state: 'queued', built: null, seq: null, problem: null };
  }

  private stored(): Promise<OutboxRecord[]> {
    return this.ports.store.outbox(this.ports.room);
  }

  private changed(): Promise<void> {
    this.ports.onStored();
    return this.refresh();
  }
}
