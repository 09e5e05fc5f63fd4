/**
 * The database of one user in this browser: every read and write of the sync engine, each with the
 * transaction that it needs. It knows no rule of the protocol; values come sealed where they are secret.
 */
import { deleteDB, openDB, type IDBPDatabase } from 'idb';
import type { WireUser } from '../client/wire.ts';
import type { AccountKeys, Bytes, ChainLink, LogState, Pin } from '../crypto/index.ts';
import {
  schemaVersion,
  type Cursor,
  type EpochSight,
  type OutboxRecord,
  type RoomAnchor,
  type StoredEvent,
  type StoredRoom,
  type UserSchema,
} from './schema.ts';

const wholeRoom = (room: string): IDBKeyRange => IDBKeyRange.bound([room, -1], [room, Number.MAX_SAFE_INTEGER]);

export class Store {
  private constructor(private readonly db: IDBPDatabase<UserSchema>) {}

  static async open(name: string): Promise<Store> {
    const db = await openDB<UserSchema>(name, schemaVersion, {
      upgrade(fresh, version) {
        if (version < 1) {
          for (const name of ['keys', 'pins', 'people', 'rooms', 'logs', 'epochs', 'events', 'chains', 'joins'] as const) {
            fresh.createObjectStore(name);
          }
          fresh.createObjectStore('outbox', { keyPath: 'order', autoIncrement: true }).createIndex('room', 'room');
        }
        fresh.createObjectStore('anchors');
      },
      blocking(_version, wanted, event) {
        // Another tab has erased the account; a newer version of the page waits until this one is closed.
        if (wanted === null) {
          (event.target as IDBDatabase).close();
        }
      },
    });
    return new Store(db);
  }

  /** Removes a database with everything in it. */
  static async remove(name: string): Promise<void> {
    await deleteDB(name);
  }

  close(): void {
    this.db.close();
  }

  async keys(): Promise<AccountKeys | null> {
    return (await this.db.get('keys', 'device')) ?? null;
  }

  /** Stores the keys unless another tab was first; answers with the ones that count. */
  async addKeys(keys: AccountKeys): Promise<AccountKeys> {
    const transaction = this.db.transaction('keys', 'readwrite');
    const present = await transaction.store.get('device');
    if (present === undefined) {
      await transaction.store.put(keys, 'device');
    }
    await transaction.done;
    return present ?? keys;
  }

  pin(user: string): Promise<Pin | undefined> {
    return this.db.get('pins', user);
  }

  async setPin(pin: Pin): Promise<void> {
    await this.db.put('pins', pin, pin.user);
  }

  people(): Promise<WireUser[]> {
    return this.db.getAll('people');
  }

  async addPeople(people: WireUser[]): Promise<void> {
    const transaction = this.db.transaction('people', 'readwrite');
    await Promise.all([...people.map((person) => transaction.store.put(person, person.id)), transaction.done]);
  }

  rooms(): Promise<StoredRoom[]> {
    return this.db.getAll('rooms');
  }

  /** Stores what the server says of a room and leaves the cursor alone. */
  async saveRoom(room: Pick<StoredRoom, 'room' | 'members'>): Promise<void> {
    const transaction = this.db.transaction('rooms', 'readwrite');
    const present = await transaction.store.get(room.room.id);
    const kept = present ?? { cursor: null, complete: false };
    await transaction.store.put({ ...kept, ...room }, room.room.id);
    await transaction.done;
  }

  /** When this device first saw the epoch of `now`: it is now, unless that is known. */
  async firstSight(room: string, now: EpochSight): Promise<EpochSight> {
    const transaction = this.db.transaction('rooms', 'readwrite');
    const present = await transaction.store.get(room);
    const known = present?.sight?.epoch === now.epoch ? present.sight : undefined;
    if (present !== undefined && known === undefined) {
      await transaction.store.put({ ...present, sight: now }, room);
    }
    await transaction.done;
    return known ?? now;
  }

  /** Forgets a room's events and queue; its log, anchor, keys and chain stay for a return. */
  async dropRoom(room: string): Promise<void> {
    const transaction = this.db.transaction(['rooms', 'events', 'joins', 'outbox'], 'readwrite');
    const queued = await transaction.objectStore('outbox').index('room').getAllKeys(room);
    await Promise.all([
      ...queued.map((order) => transaction.objectStore('outbox').delete(order)),
      transaction.objectStore('rooms').delete(room),
      transaction.objectStore('events').delete(wholeRoom(room)),
      transaction.objectStore('joins').delete(room),
      transaction.done,
    ]);
  }

  /**
   * Stores events that follow the stored ones, with the cursor behind them. Another tab may have come
   * further already; then the later cursor stays.
   */
  async appendEvents(room: string, events: StoredEvent[], cursor: Cursor): Promise<void> {
    const transaction = this.db.transaction(['rooms', 'events'], 'readwrite');
    const rooms = transaction.objectStore('rooms');
    const present = await rooms.get(room);
    if (present?.cursor?.stream === cursor.stream && present.cursor.seq < cursor.seq) {
      await rooms.put({ ...present, cursor }, room);
    }
    if (present?.cursor?.stream === cursor.stream) {
      await putEvents(transaction.objectStore('events'), room, events);
    }
    await transaction.done;
  }

  /** Stores older events in front of the stored ones. */
  async prependEvents(room: string, events: StoredEvent[], complete: boolean): Promise<void> {
    const transaction = this.db.transaction(['rooms', 'events'], 'readwrite');
    const rooms = transaction.objectStore('rooms');
    const present = await rooms.get(room);
    if (present !== undefined) {
      await rooms.put({ ...present, complete }, room);
      await putEvents(transaction.objectStore('events'), room, events);
    }
    await transaction.done;
  }

  /** Begins anew at another cursor: the stored events do not reach it, or belong to another stream. */
  async resetEvents(room: string, cursor: Cursor): Promise<void> {
    const transaction = this.db.transaction(['rooms', 'events'], 'readwrite');
    const rooms = transaction.objectStore('rooms');
    const present = await rooms.get(room);
    await transaction.objectStore('events').delete(wholeRoom(room));
    if (present !== undefined) {
      await rooms.put({ ...present, cursor, complete: false }, room);
    }
    await transaction.done;
  }

  /** Up to `limit` stored events below `before`, ascending. */
  async events(room: string, before: number, limit: number): Promise<StoredEvent[]> {
    const range = IDBKeyRange.bound([room, -1], [room, before], false, true);
    const found: StoredEvent[] = [];
    let cursor = await this.db.transaction('events').store.openCursor(range, 'prev');
    while (cursor !== null && found.length < limit) {
      found.push(cursor.value);
      cursor = await cursor.continue();
    }
    return found.reverse();
  }

  log(room: string): Promise<LogState | undefined> {
    return this.db.get('logs', room);
  }

  /** Keeps the longer one: another tab may have read on already. */
  async saveLog(room: string, log: LogState): Promise<void> {
    const transaction = this.db.transaction('logs', 'readwrite');
    const present = await transaction.store.get(room);
    if (present === undefined || present.length < log.length) {
      await transaction.store.put(log, room);
    }
    await transaction.done;
  }

  anchor(room: string): Promise<RoomAnchor | undefined> {
    return this.db.get('anchors', room);
  }

  async changeAnchor(room: string, change: Partial<RoomAnchor>): Promise<void> {
    const transaction = this.db.transaction('anchors', 'readwrite');
    const present = (await transaction.store.get(room)) ?? { room: null, fault: null, refusal: null };
    await transaction.store.put({ ...present, ...change }, room);
    await transaction.done;
  }

  /** The sealed secret of an epoch. */
  epoch(room: string, epoch: number): Promise<Bytes | undefined> {
    return this.db.get('epochs', [room, epoch]);
  }

  /** The epochs of a room whose secrets are here. */
  async knownEpochs(room: string): Promise<number[]> {
    return (await this.db.getAllKeys('epochs', wholeRoom(room))).map(([, epoch]) => epoch);
  }

  async addEpoch(room: string, epoch: number, sealed: Bytes): Promise<void> {
    await this.db.put('epochs', sealed, [room, epoch]);
  }

  async outbox(room: string): Promise<OutboxRecord[]> {
    return this.db.getAllFromIndex('outbox', 'room', room);
  }

  async addToOutbox(record: OutboxRecord): Promise<OutboxRecord> {
    return { ...record, order: await this.db.add('outbox', record) };
  }

  /** Changes a record that is still there: what another tab has settled does not come back. */
  async updateOutbox(record: OutboxRecord): Promise<void> {
    const transaction = this.db.transaction('outbox', 'readwrite');
    if (record.order !== undefined && (await transaction.store.get(record.order)) !== undefined) {
      await transaction.store.put(record);
    }
    await transaction.done;
  }

  /** Puts `record` at the end of the queue in the place of an earlier one. */
  async requeue(order: number, record: OutboxRecord): Promise<void> {
    const transaction = this.db.transaction('outbox', 'readwrite');
    await Promise.all([transaction.store.delete(order), transaction.store.add(record), transaction.done]);
  }

  async removeFromOutbox(order: number): Promise<void> {
    await this.db.delete('outbox', order);
  }

  chain(room: string): Promise<ChainLink | undefined> {
    return this.db.get('chains', room);
  }

  /**
   * A message of this device is stored: its chain moves on and its record changes (null removes it), in one
   * transaction.
   */
  async settle(
    room: string,
    link: ChainLink,
    outbox: { order: number; record: OutboxRecord | null } | null,
  ): Promise<void> {
    const transaction = this.db.transaction(['outbox', 'chains'], 'readwrite');
    const chains = transaction.objectStore('chains');
    const last = await chains.get(room);
    if (last === undefined || comesAfter(link, last)) {
      await chains.put(link, room);
    }
    if (outbox !== null) {
      const records = transaction.objectStore('outbox');
      if (outbox.record === null) {
        await records.delete(outbox.order);
      } else if ((await records.get(outbox.order)) !== undefined) {
        await records.put(outbox.record);
      }
    }
    await transaction.done;
  }

  join(room: string): Promise<Bytes | undefined> {
    return this.db.get('joins', room);
  }

  async setJoin(room: string, sealed: Bytes | null): Promise<void> {
    await (sealed === null ? this.db.delete('joins', room) : this.db.put('joins', sealed, room));
  }
}

function comesAfter(link: ChainLink, last: ChainLink): boolean {
  return link.epoch > last.epoch || (link.epoch === last.epoch && link.counter > last.counter);
}

async function putEvents(
  events: { put(value: StoredEvent, key: [string, number]): Promise<unknown> },
  room: string,
  stored: StoredEvent[],
): Promise<void> {
  await Promise.all(stored.map((one) => events.put(one, [room, one.event.seq])));
}
