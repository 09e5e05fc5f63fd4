/**
 * The encryption layer's surface: what sync and store may use. docs/encryption.md is the format.
 *
 * Nothing here talks to a server or stores anything. Functions that check return results with a reason;
 * they throw only for a programming error (wrong lengths, limits exceeded by the caller).
 */
import type * as t from './types.ts';
type Bytes = t.Bytes;
export type * from './types.ts';

// encoding.ts ----------------------------------------------------------------------------------
/** Standard base64 with padding, as the wire has it. */
export declare function toBase64(bytes: Uint8Array): string;
/** null for anything that toBase64 would not have written. */
export declare function fromBase64(text: string): Bytes | null;
/** base64url without padding. */
export declare function toBase64Url(bytes: Uint8Array): string;
export declare function fromBase64Url(text: string): Bytes | null;
export declare function toHex(bytes: Uint8Array): string;
export declare function fromHex(text: string): Bytes | null;
export declare function utf8(text: string): Bytes;
/** null for what is no UTF-8. */
export declare function fromUtf8(bytes: Uint8Array): string | null;
/** In time that does not depend on the content. */
export declare function equalBytes(a: Uint8Array, b: Uint8Array): boolean;

// keys.ts --------------------------------------------------------------------------------------
/** A new account identity with this device as its only one (device list version 1). */
export declare function createAccountKeys(user: string, device: string): Promise<t.AccountKeys>;
/** Parses a device list and verifies its signature and every countersignature. */
export declare function openDeviceList(bytes: Bytes, user: string): Promise<t.Outcome<t.DeviceList, t.ListFailure>>;
/** Trust on first use: gives the pin to keep. `pin` undefined for a user never seen before. */
export declare function checkPin(list: t.DeviceList, pin: t.Pin | undefined): t.Outcome<t.Pin, t.PinFailure>;
/** Seals bytes that rest on this device; `purpose` ("outbox", …) is authenticated. */
export declare function sealLocal(storageKey: CryptoKey, purpose: string, plain: Bytes): Promise<Bytes>;
/** null when it was not sealed by this key for this purpose. */
export declare function openLocal(storageKey: CryptoKey, purpose: string, sealed: Bytes): Promise<Bytes | null>;

// controllog.ts --------------------------------------------------------------------------------
/**
 * Folds further entries, in order of index, onto a state (null: from the start). Needs no lookups: entries
 * carry the device lists that they name. `expectedRoom`: the cryptographic id known from an invite or earlier.
 */
export declare function foldLog(
  state: t.LogState | null,
  entries: readonly t.LoggedEntry[],
  expectedRoom?: Bytes,
): Promise<t.FoldResult>;
/** Parses without verifying, for display. */
export declare function parseEntry(bytes: Bytes): t.Entry | null;
/** The next entry, signed, where no epoch has to be begun with it (invite, role, leave, devices). */
export declare function signChange(state: t.LogState, keys: t.AccountKeys, change: t.Change): Promise<Bytes>;
/** Devices of all members: whom the next epoch is sealed to. */
export declare function recipientsOf(state: t.LogState): t.Recipient[];

// epochs.ts ------------------------------------------------------------------------------------
/** A room's beginning: `entries` (create, rotate of epoch 0) and `bundles` of POST /api/rooms/. */
export declare function createRoom(keys: t.AccountKeys): Promise<t.PreparedEpoch & { room: Bytes }>;
/**
 * The next epoch: entries for the changes (may be none), the rotate entry, a bundle for every device of those
 * who are members after them. On `conflict` throw it away, fold on, prepare again.
 */
export declare function prepareEpoch(state: t.LogState, keys: t.AccountKeys, changes?: readonly t.Change[]): Promise<t.PreparedEpoch>;
/** Opens this device's bundle (`bundle` of GET …/epochs/) and verifies it against the rotate entry. */
export declare function openEpoch(
  state: t.LogState,
  keys: t.AccountKeys,
  epoch: number,
  bundle: Bytes,
): Promise<t.Outcome<t.OpenedEpoch, t.EpochFailure>>;
/** From what openEpoch or prepareEpoch gave as `sealed`; null when it cannot be opened. */
export declare function unsealEpoch(keys: t.AccountKeys, room: Bytes, epoch: number, sealed: Bytes): Promise<t.EpochKey | null>;

// message.ts -----------------------------------------------------------------------------------
/** Encrypts and signs. Throws RangeError when content is longer than maxContent. */
export declare function sealMessage(input: t.SealMessageInput): Promise<t.SealedMessage>;
/** All checks in the protocol's order, then decrypts. */
export declare function openMessage(event: t.OuterEvent, context: t.OpenContext): Promise<t.OpenResult>;
/** The longest content in bytes. */
export declare const maxContent: number;

// invite.ts ------------------------------------------------------------------------------------
export declare function draftInvite(): Promise<t.InviteDraft>;
/**
 * The invite's signed entry and sealed part for POST …/invite/ (`entry`, `index`, `sealed`, `code_hash` as hex of
 * draft.codeHash). On `conflict` fold on and call again with the same draft.
 */
export declare function prepareInvite(
  state: t.LogState,
  keys: t.AccountKeys,
  draft: t.InviteDraft,
  maxUses: number,
): Promise<{ index: number; entry: Bytes; sealed: Bytes }>;
/** `${origin}/join#…` */
export declare function inviteLink(origin: string, secret: Bytes): string;
/** From a whole link or its fragment; null when there is no secret in it. */
export declare function parseInviteLink(text: string): Bytes | null;
/** `code` for POST /api/rooms/join/, and codeHash (hex: GET /api/invites/{hash}/). */
export declare function inviteCode(secret: Bytes): Promise<{ code: string; codeHash: Bytes }>;
export declare function openInvite(secret: Bytes, sealed: Bytes): Promise<t.Outcome<t.InviteContent, t.InviteFailure>>;
/** Is this log the one that the inviter had, and the inviter in it who the link says? */
export declare function checkInvite(state: t.LogState, content: t.InviteContent): t.Outcome<true, t.InviteFailure>;
/** The joiner's entry for the next index, signed by the invite's key and this device. */
export declare function signJoin(
  state: t.LogState,
  keys: t.AccountKeys,
  content: t.InviteContent,
  codeHash: Bytes,
): Promise<Bytes>;
