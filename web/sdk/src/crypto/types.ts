/**
 * The words of the encryption layer: results, keys, control log, epochs, messages, invites.
 * Only types; docs/encryption.md gives the bytes, the module named at each group the rules.
 *
 * Everything that a client keeps (AccountKeys, LogState, EpochKey, Pin) is plain data, Uint8Arrays and
 * CryptoKeys, so that IndexedDB can hold it as it is.
 */

/** Bytes backed by a plain ArrayBuffer, which is what Web Crypto takes. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** What a check found. `reason` names the check that failed, for a user interface to put into words. */
export type Outcome<T, R extends string> = { ok: true; value: T } | { ok: false; reason: R };

/** An account's identity as control-log entries name it: SHA-256 of the public account identity key. */
export interface IdentityRef {
  user: string;
  fingerprint: Bytes;
}

// ---------------------------------------------------------------------------------------------------- keys.ts

/** A device's public record: what stands in the signed device list. */
export interface DeviceRecord {
  device: string;
  /** Signing key, uncompressed point, 65 bytes. */
  signingKey: Bytes;
  /** Encryption key, uncompressed point, 65 bytes. */
  encryptionKey: Bytes;
  /** By the device's signing key over (user, identity key, device, encryption key). */
  countersignature: Bytes;
}

/** An account's device list whose signatures have been verified. */
export interface DeviceList {
  user: string;
  /** Account identity key, uncompressed point, 65 bytes. */
  identity: Bytes;
  fingerprint: Bytes;
  /** 1, 2, 3, … */
  version: number;
  /** Hash of the list of the version before; zeros for the first. */
  previous: Bytes;
  devices: DeviceRecord[];
  hash: Bytes;
  /** The list as it travels. */
  bytes: Bytes;
}

/** All keys of this device and account. The private ones cannot be exported, the identity key rests sealed. */
export interface AccountKeys {
  user: string;
  device: string;
  /** AES-GCM, not extractable: seals whatever rests on this device. */
  storageKey: CryptoKey;
  signing: CryptoKeyPair;
  encryption: CryptoKeyPair;
  /** This device's public record, as the server takes it (`keys` of POST /api/devices/). */
  record: Bytes;
  /** PKCS#8 of the account identity key, sealed under the storage key. */
  sealedIdentity: Bytes;
  list: DeviceList;
}

/** What is remembered of another account from its first use on. */
export interface Pin {
  user: string;
  fingerprint: Bytes;
  version: number;
  hash: Bytes;
}

export type ListFailure =
  | 'malformed'
  /** Names another user than the one asked for. */
  | 'wrong_user'
  /** Not signed by the identity key that it names. */
  | 'bad_signature'
  /** A device in it did not sign that it belongs to this account. */
  | 'bad_countersignature';

export type PinFailure =
  /** Another identity key than the pinned one: block until the user accepts it. */
  | 'identity_changed'
  /** A version older than the pinned one. */
  | 'older_version'
  /** The pinned version with other content, or a successor that does not follow from it. */
  | 'forked'
  /** Versions between the pinned one and this one are missing: check those first. */
  | 'versions_missing';

// ---------------------------------------------------------------------------------------------- controllog.ts

export type Operation = 'create' | 'add' | 'remove' | 'role' | 'invite' | 'join' | 'leave' | 'rotate' | 'devices';

export type LogRole = 'owner' | 'admin' | 'member';

/** One control-log entry, parsed; nothing verified yet. */
export interface Entry {
  /** The room's cryptographic id; zeros in the create entry. */
  room: Bytes;
  index: number;
  /** Hash of the entry before; zeros in the create entry. */
  previous: Bytes;
  /** Whom the entry is about; of `invite` and `rotate` the actor. */
  subject: IdentityRef & { listVersion: number; listHash: Bytes };
  actor: { user: string; device: string };
  /** The epoch in force, of `rotate` the one that it begins. */
  epoch: number;
  payload: EntryPayload;
}

export type EntryPayload =
  | { op: 'create'; nonce: Bytes; list: Bytes }
  | { op: 'add'; role: LogRole; list: Bytes }
  | { op: 'remove' }
  | { op: 'role'; role: LogRole }
  /** `maxUses` 0: as often as the server lets. */
  | { op: 'invite'; codeHash: Bytes; inviteKey: Bytes; maxUses: number }
  | { op: 'join'; codeHash: Bytes; inviteSignature: Bytes; list: Bytes }
  | { op: 'leave' }
  | { op: 'rotate'; commit: Bytes; bundlesHash: Bytes }
  | { op: 'devices'; list: Bytes };

/** An entry as the server gave it: the bytes and the seq of its event. */
export interface LoggedEntry {
  bytes: Bytes;
  seq: number;
}

export interface LogMember {
  user: string;
  fingerprint: Bytes;
  role: LogRole;
  list: DeviceList;
  /** Index of the entry that made them a member. */
  since: number;
  /** How: `create`, `add`, or `join` with the hash of the invite's code (32 bytes). */
  via: { op: 'create' } | { op: 'add'; by: string } | { op: 'join'; codeHash: Bytes };
}

/** A stretch of the log in which a member had this role and these devices. `until` is exclusive, null while it lasts. */
export interface MemberSpan {
  member: LogMember;
  from: number;
  until: number | null;
  /** It ended by an admin's `remove`. */
  removed?: boolean;
}

export interface LogInvite {
  codeHash: Bytes;
  inviteKey: Bytes;
  maxUses: number;
  uses: number;
  by: string;
  /** Index of its entry. */
  index: number;
  revoked: boolean;
}

export interface LogEpoch {
  epoch: number;
  /** Index, hash of the entry before and seq of its rotate entry. */
  index: number;
  previous: Bytes;
  seq: number;
  commit: Bytes;
  bundlesHash: Bytes;
  sender: { user: string; device: string };
}

export type IgnoredReason =
  | 'malformed'
  /** Of a later version: this client may be wrong about the room and has to be updated. */
  | 'unsupported'
  /** An entry of another room. */
  | 'wrong_room'
  /** A copy of an earlier entry. */
  | 'replayed'
  /** Does not follow from the entry before, and no member signed it. */
  | 'mislinked'
  /** Does not follow from the entry before although a member signed it: for another history of this room. */
  | 'forked'
  | 'wrong_epoch'
  /** The acting user is no member. */
  | 'not_member'
  /** The acting device is not on the list that the log names. */
  | 'unknown_device'
  | 'bad_signature'
  /** The device list does not verify, or is not the one that the entry names. */
  | 'bad_list'
  /** A device list older than the one that this room has seen. */
  | 'older_list'
  /** The list names a device that another member's list names already. */
  | 'duplicate_device'
  | 'role'
  | 'already_member'
  | 'no_such_member'
  | 'wrong_subject'
  | 'no_such_invite'
  | 'duplicate_invite'
  | 'invite_used_up'
  | 'invite_revoked'
  | 'second_create'
  | 'last_owner';

export interface IgnoredEntry {
  index: number;
  reason: IgnoredReason;
  /** As far as the entry could be read. */
  op: Operation | null;
  actor: { user: string; device: string } | null;
}

export type LogFailure =
  /** The first entry does not create a room. */
  | 'no_create'
  /** The create entry is not the one expected (an invite names another room). */
  | 'wrong_room';

/** The room as its log tells it: a fold over all entries so far. Never changed in place. */
export interface LogState {
  /** The room's cryptographic id, 32 bytes. */
  room: Bytes;
  /** Number of entries folded; the next index. */
  length: number;
  /** Hash of the last entry. */
  head: Bytes;
  /** By index: hash and seq of every entry, and the hash of what was signed in it. */
  links: { hash: Bytes; seq: number; content: Bytes }[];
  members: Map<string, LogMember>;
  spans: MemberSpan[];
  /** By hex of the code's hash. */
  invites: Map<string, LogInvite>;
  /** By number; the last one is in force. */
  epochs: LogEpoch[];
  /** Somebody left, was removed, joined or changed devices since the last rotate: the next epoch is due. */
  rotationDue: boolean;
  /** Highest device-list version seen for a user and identity. */
  listVersions: Map<string, number>;
  ignored: IgnoredEntry[];
}

export type FoldResult =
  | { ok: true; state: LogState }
  /** `state` holds everything before the entry at `index`. */
  | { ok: false; reason: LogFailure; index: number; state: LogState | null };

/** What a member's client can write, beside `rotate`, which prepareEpoch adds. */
export type Change =
  | { op: 'add'; list: DeviceList; role?: LogRole }
  | { op: 'remove'; user: string }
  | { op: 'role'; user: string; role: LogRole }
  | { op: 'invite'; codeHash: Bytes; inviteKey: Bytes; maxUses: number }
  | { op: 'leave' }
  | { op: 'devices' };

// -------------------------------------------------------------------------------------------------- epochs.ts

/** A device that an epoch's secret is sealed to. */
export interface Recipient {
  user: string;
  device: string;
  encryptionKey: Bytes;
}

/** One device's sealed epoch secret: `device` and `bundle` of the wire. */
export interface Bundle {
  user: string;
  device: string;
  encryptionKey: Bytes;
  /** HPKE encapsulation and ciphertext, 113 bytes. */
  seal: Bytes;
}

/** An epoch's secret ready for use; the key can be neither exported nor read. */
export interface EpochKey {
  room: Bytes;
  epoch: number;
  /** HKDF key, usable for deriveBits only. */
  key: CryptoKey;
}

/** An epoch's secret: for use now, and sealed under the storage key to rest on this device. */
export interface OpenedEpoch {
  epochKey: EpochKey;
  sealed: Bytes;
}

export type EpochFailure =
  /** The log has no such epoch. */
  | 'unknown_epoch'
  /** The bundle was not sealed to this device for this room, epoch, log head and sender, or was changed. */
  | 'cannot_open'
  /** Opens, but is not the secret that the rotate entry committed to. */
  | 'bad_commit';

/** All that one call to the server needs to begin an epoch. */
export interface PreparedEpoch extends OpenedEpoch {
  epoch: number;
  /** Index of the first entry. */
  index: number;
  /** The changes' entries, then the rotate entry. */
  entries: Bytes[];
  bundles: Bundle[];
}

// ------------------------------------------------------------------------------------------------- message.ts

export type MessageType = 'text' | 'edit' | 'redaction' | 'reaction' | 'attachment';

/** A message's place in its device's chain. */
export interface ChainLink {
  epoch: number;
  counter: number;
  /** The message's hash, 32 bytes. */
  hash: Bytes;
}

/** The highest message of the room that its sender had seen; seq 0 and zeros for none. */
export interface Seen {
  seq: number;
  hash: Bytes;
}

export interface MessageHeader {
  room: Bytes;
  epoch: number;
  /** Hash of the control log's last entry that the sender knew. */
  logHead: Bytes;
  user: string;
  device: string;
  /** 0, 1, 2, … within the epoch. */
  counter: number;
  /** Hash of this device's message before, of whichever epoch; zeros for none. */
  previous: Bytes;
  /** UUID in its 36-character form, lower case. */
  clientId: string;
  /** 'unknown': of a later version of this client; openMessage refuses it as `unsupported`. */
  type: MessageType | 'unknown';
  salt: Bytes;
  seen: Seen;
}

export interface SealMessageInput {
  epochKey: EpochKey;
  logHead: Bytes;
  user: string;
  device: string;
  signingKey: CryptoKey;
  /** This device's last acknowledged message in this room; null for none. Gives counter and previous. */
  last: ChainLink | null;
  clientId: string;
  seen: Seen;
  type: MessageType;
  content: Bytes;
}

export interface SealedMessage {
  /** `body` of the wire. */
  body: Bytes;
  /** What `last` has to be for the next message, once this one is acknowledged. */
  link: ChainLink;
}

/** What the server says about an event, to be compared with what the sender signed. */
export interface OuterEvent {
  seq: number;
  sender: string;
  device: string;
  clientId: string;
  epoch: number;
  body: Bytes;
}

/** Where a device's chain ends as far as a reader has seen it. */
export interface ChainEnd extends ChainLink {
  /**
   * How many messages of the device and this epoch the server shows behind the last one as removed. Their hashes are gone, so the next
   * message can be held to its number alone; it may be at most that many further.
   */
  removed?: number;
}

export interface OpenContext {
  log: LogState;
  /** The key of the event's epoch; null when this device does not have it. */
  epochKey: EpochKey | null;
  /**
   * The verified message before this one by the same device. undefined: not known (the window loaded starts
   * here), so counter and chain are not judged. null: known that there is none.
   */
  previous: ChainEnd | null | undefined;
  /** The hash of the message at a seq that this client has verified; undefined where it has none. */
  hashAt?: (seq: number) => Bytes | undefined;
}

export type MessageFailure =
  | 'malformed'
  /** A version or suite that this client does not know: it has to be updated. */
  | 'unsupported'
  // outer fields against the signed header
  | 'wrong_room'
  | 'wrong_sender'
  | 'wrong_client_id'
  | 'wrong_epoch'
  | 'epoch_not_in_force'
  // device and log
  /** The sender's log head is not in the log: load the log on and try again; if it stays so, the log is forked. */
  | 'unknown_log_head'
  /** The log head that it names is older than its epoch, or comes after the message. */
  | 'wrong_log_head'
  | 'unknown_device'
  /** Was a member at the head that it names, but no longer at the message's place in the room. */
  | 'removed'
  | 'bad_signature'
  /** By a member of the log whose identity key is not the pinned one; openMessage does not know pins. */
  | 'identity_changed'
  // counter and chain
  | 'replayed'
  /** Messages of this device before this one are missing. */
  | 'gap'
  | 'broken_chain'
  /** The sender saw another message at a seq than this client did. */
  | 'forked'
  // key and content
  | 'no_key'
  | 'bad_commitment'
  | 'cannot_decrypt'
  | 'bad_content';

export interface OpenedMessage {
  header: MessageHeader;
  link: ChainLink;
  content: Bytes;
}

/**
 * A failure found after the signature was verified still carries `link`: what `previous` is for the device's next
 * message (except `replayed`, where it stays what it was).
 */
export type OpenResult =
  | { ok: true; message: OpenedMessage }
  | { ok: false; reason: MessageFailure; header?: MessageHeader; link?: ChainLink };

// -------------------------------------------------------------------------------------------------- invite.ts

/** A new invite before its entry is in the log. The secret goes into the link and nowhere else. */
export interface InviteDraft {
  secret: Bytes;
  /** SHA-256 of the code's text. */
  codeHash: Bytes;
  /** The public half, for the invite entry. */
  inviteKey: Bytes;
  /** The private half, PKCS#8, until it is sealed. */
  privateKey: Bytes;
}

/** What an invite's sealed part tells the joiner. */
export interface InviteContent {
  /** Private half of the invite's key, PKCS#8. */
  privateKey: Bytes;
  /** The room's cryptographic id. */
  room: Bytes;
  /** Index and hash of the invite's own entry. */
  index: number;
  head: Bytes;
  inviter: IdentityRef;
}

export type InviteFailure =
  /** Not sealed under this link's secret, or changed. */
  | 'cannot_open'
  | 'malformed'
  /** The log shown is not the one that the inviter had. */
  | 'wrong_log'
  /** The inviter is not who the link says. */
  | 'wrong_inviter';
