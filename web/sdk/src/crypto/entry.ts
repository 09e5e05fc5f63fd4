/**
 * One entry of a room's control log: its bytes, its signature, its hash.
 * What an entry may do, and whether it does, is controllog.ts's.
 */
import { Writer, concat, parseAll } from './encoding.ts';
import type { Reader } from './encoding.ts';
import { hash, hashLength, publicKeyLength, sign, signatureLength, verify } from './subtle.ts';
import type { Bytes, Entry, EntryPayload, LogRole, Operation } from './types.ts';

/** Further operations come with another version: who does not know one cannot know who the members are. */
export const entryVersion = 1;

const OPERATIONS: readonly Operation[] = [
  'create',
  'add',
  'remove',
  'role',
  'invite',
  'join',
  'leave',
  'rotate',
  'devices',
];

const ROLES: readonly LogRole[] = ['owner', 'admin', 'member'];

/** Parses without verifying; null for what is no entry of this version. */
export function parseEntry(bytes: Bytes): Entry | null {
  return parseAll(bytes, readEntry)?.entry ?? null;
}

export interface SignedEntry {
  entry: Entry;
  /** What the device signed: all but the signature. */
  content: Bytes;
  signature: Bytes;
}

export function parseSignedEntry(bytes: Bytes): SignedEntry | null {
  return parseAll(bytes, readEntry);
}

export async function signEntry(entry: Entry, signingKey: CryptoKey): Promise<Bytes> {
  const content = concat(encodeCore(entry), new Writer().bytes32(encodePayload(entry.payload)).done());
  return concat(content, await sign(signingKey, 'entry', content));
}

export async function verifyEntry(signed: SignedEntry, signingKey: Bytes): Promise<boolean> {
  return verify(signingKey, signed.signature, 'entry', signed.content);
}

/** The joiner's second signature, by the invite's key. */
export async function signJoinByInvite(entry: Entry, codeHash: Bytes, inviteKey: CryptoKey): Promise<Bytes> {
  return sign(inviteKey, 'join', encodeCore({ ...entry, payload: joinPayload(codeHash) }), codeHash);
}

export async function verifyJoinByInvite(entry: Entry, inviteKey: Bytes): Promise<boolean> {
  const { payload } = entry;
  if (payload.op !== 'join') return false;
  return verify(inviteKey, payload.inviteSignature, 'join', encodeCore(entry), payload.codeHash);
}

/** The hash by which the next entry names this one; of the create entry it is the room's id. */
export async function hashEntry(bytes: Bytes): Promise<Bytes> {
  return hash('entry', bytes);
}

/** The same for an entry and for a copy of it with another signature: tells replays. */
export async function hashContent(content: Bytes): Promise<Bytes> {
  return hash('entry-content', content);
}

function joinPayload(codeHash: Bytes): EntryPayload {
  return { op: 'join', codeHash, inviteSignature: new Uint8Array(signatureLength), list: new Uint8Array() };
}

/** Everything before the payload. */
function encodeCore(entry: Entry): Bytes {
  return new Writer()
    .u8(entryVersion)
    .fixed(entry.room, hashLength)
    .u64(entry.index)
    .fixed(entry.previous, hashLength)
    .u8(OPERATIONS.indexOf(entry.payload.op) + 1)
    .id(entry.subject.user)
    .fixed(entry.subject.fingerprint, hashLength)
    .u32(entry.subject.listVersion)
    .fixed(entry.subject.listHash, hashLength)
    .id(entry.actor.user)
    .id(entry.actor.device)
    .u64(entry.epoch)
    .done();
}

function encodePayload(payload: EntryPayload): Bytes {
  const writer = new Writer();
  switch (payload.op) {
    case 'create':
      return writer.fixed(payload.nonce, hashLength).bytes32(payload.list).done();
    case 'add':
      return writer.u8(ROLES.indexOf(payload.role) + 1).bytes32(payload.list).done();
    case 'role':
      return writer.u8(ROLES.indexOf(payload.role) + 1).done();
    case 'invite':
      return writer
        .fixed(payload.codeHash, hashLength)
        .fixed(payload.inviteKey, publicKeyLength)
        .u32(payload.maxUses)
        .done();
    case 'join':
      return writer
        .fixed(payload.codeHash, hashLength)
        .fixed(payload.inviteSignature, signatureLength)
        .bytes32(payload.list)
        .done();
    case 'rotate':
      return writer.fixed(payload.commit, hashLength).fixed(payload.bundlesHash, hashLength).done();
    case 'devices':
      return writer.bytes32(payload.list).done();
    case 'remove':
    case 'leave':
      return writer.done();
  }
}

function readEntry(reader: Reader): SignedEntry {
  const start = reader.position;
  reader.expect(reader.u8() === entryVersion);
  const room = reader.fixed(hashLength);
  const index = reader.u64();
  const previous = reader.fixed(hashLength);
  const op = OPERATIONS[reader.u8() - 1];
  const subject = {
    user: reader.id(),
    fingerprint: reader.fixed(hashLength),
    listVersion: reader.u32(),
    listHash: reader.fixed(hashLength),
  };
  const actor = { user: reader.id(), device: reader.id() };
  const epoch = reader.u64();
  const payloadBytes = reader.bytes32();
  const payload = op === undefined ? null : parseAll(payloadBytes, (inner) => readPayload(inner, op));
  const content = reader.since(start);
  const signature = reader.fixed(signatureLength);
  if (payload === null) return reader.fail();
  return { entry: { room, index, previous, subject, actor, epoch, payload }, content, signature };
}

function readPayload(reader: Reader, op: Operation): EntryPayload {
  switch (op) {
    case 'create':
      return { op, nonce: reader.fixed(hashLength), list: reader.bytes32() };
    case 'add':
      return { op, role: readRole(reader), list: reader.bytes32() };
    case 'role':
      return { op, role: readRole(reader) };
    case 'invite':
      return {
        op,
        codeHash: reader.fixed(hashLength),
        inviteKey: reader.fixed(publicKeyLength),
        maxUses: reader.u32(),
      };
    case 'join':
      return {
        op,
        codeHash: reader.fixed(hashLength),
        inviteSignature: reader.fixed(signatureLength),
        list: reader.bytes32(),
      };
    case 'rotate':
      return { op, commit: reader.fixed(hashLength), bundlesHash: reader.fixed(hashLength) };
    case 'devices':
      return { op, list: reader.bytes32() };
    case 'remove':
    case 'leave':
      return { op };
  }
}

function readRole(reader: Reader): LogRole {
  return ROLES[reader.u8() - 1] ?? reader.fail();
}
