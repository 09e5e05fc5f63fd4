/**
 * What this browser keeps, as types: one database per user, so that two accounts never mix, and one small
 * database beside them that says who is signed in.
 *
 * Secrets rest here only sealed under the device's non-extractable storage key, or as non-extractable
 * CryptoKeys. Events rest as the ciphertext that the server sent; a page decrypts them anew when it opens.
 */
import type { DBSchema } from 'idb';
import type { WireEvent, WireMember, WireRoom, WireUser } from '../client/wire.ts';
import type { AccountKeys, Bytes, ChainLink, LogState, MessageFailure, Pin } from '../crypto/index.ts';

export const schemaVersion = 2;
export const accountsVersion = 1;

/** What this device holds a room to, whatever the server says later. Who has one is in an encrypted room. */
export interface RoomAnchor {
  /** The cryptographic id that the room must have: of a room made here, or the one that an invite link names. */
  room: Bytes | null;
  /** Why nothing of the room can be trusted any more, in words; it stays. */
  fault: string | null;
  /** Why joining by link came to nothing, in words. */
  refusal: string | null;
}

/** How far this device has seen one room, and each sending device's last message up to there. */
export interface Cursor {
  stream: number;
  seq: number;
  chains: [device: string, last: ChainLink][];
  /** What was seen before the server made the room begin anew. */
  before?: SeenBefore;
}

/** What outlives a reset. */
export interface SeenBefore {
  /** Each device's last message up to `seq`: none that it wrote before may come behind. */
  floors: { device: string; link: ChainLink; seq: number }[];
  /** The newest authentic message. */
  newest: { seq: number; hash: Bytes } | null;
  /** Where the server showed an older or another history, and when that was noticed. */
  rewound: { seq: number; at: number } | null;
}

/** When this device first saw an epoch, by its own clock, and where the room ended then. */
export interface EpochSight {
  epoch: number;
  at: number;
  head: number;
}

export interface StoredRoom {
  room: WireRoom;
  members: WireMember[];
  cursor: Cursor | null;
  /** Nothing older exists that this user may read. */
  complete: boolean;
  /** Of the epoch in force. */
  sight?: EpochSight;
}

export interface StoredEvent {
  event: WireEvent;
  /** The check of order that failed when the event came in: later it could not be made again. */
  fault: MessageFailure | null;
}

export type OutboxState =
  /** Not encrypted yet, or refused in a way that permits another encryption. */
  | 'queued'
  /** Encrypted; the outcome is unknown until an ack, the own event or a refusal. */
  | 'built'
  /** Stored by the server; waits for its event. */
  | 'sent'
  /** Refused for good, nothing stored. */
  | 'failed';

export interface OutboxRecord {
  /** Position in the queue, given by the store. */
  order?: number;
  room: string;
  clientId: string;
  /** The text, sealed under the storage key. */
  text: Bytes;
  /** The room was an encrypted one when this was written: it leaves encrypted or not at all. */
  encrypted: boolean;
  at: number;
  state: OutboxState;
  /** The finished body and its place in the device's chain; only while `built` or `sent`. */
  built: { body: string; link: ChainLink } | null;
  seq: number | null;
  problem: string | null;
}


export interface UserSchema extends DBSchema {
  /** `device`: the account's keys on this device. */
  keys: { key: string; value: AccountKeys };
  pins: { key: string; value: Pin };
  people: { key: string; value: WireUser };
  rooms: { key: string; value: StoredRoom };
  /** Verified control logs: the server can add to them, never replace them. */
  logs: { key: string; value: LogState };
  anchors: { key: string; value: RoomAnchor };
  /** Sealed epoch secrets. */
  epochs: { key: [room: string, epoch: number]; value: Bytes };
  events: { key: [room: string, seq: number]; value: StoredEvent };
  outbox: { key: number; value: OutboxRecord; indexes: { room: string } };
  /** This device's own last stored message in each room. */
  chains: { key: string; value: ChainLink };
  /** Sealed invite secrets of rooms that were joined but whose join entry is not written yet. */
  joins: { key: string; value: Bytes };
}

export interface SignedIn {
  user: WireUser;
  device: string;
  /** Name of this account's database. */
  database: string;
}

/** What this browser is for an account that signed in here before. */
export interface KnownAccount {
  user: string;
  device: string;
  database: string;
}

export interface AccountsSchema extends DBSchema {
  /**
   * `current`: who is signed in. `refresh`: the refresh token of programs without cookies. `unheard`: there, when the server does not know yet that
   * whoever has the refresh token has signed out.
   */
  session: { key: string; value: SignedIn | string };
  /** By user name in lower case. */
  known: { key: string; value: KnownAccount };
}
