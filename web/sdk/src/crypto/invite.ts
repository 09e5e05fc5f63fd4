/**
 * Invite links. The secret S stands in the link's fragment, which browsers never send; the server gets the hash of
 * a code derived from S, and a part sealed under another key derived from S. The invite's own signing key lets a
 * joiner write the join entry, so that neither the server nor a member without the link can forge one.
 *
 * Owns the link, the code and the sealed part. Never stores a secret and never puts one into an error.
 */
import { appendOwn, currentEpoch, memberAt, signChange, subjectOf } from './controllog.ts';
import { Writer, concat, equalBytes, fromBase64Url, label, parseAll, toBase64Url, utf8 } from './encoding.ts';
import type { Reader } from './encoding.ts';
import { hashEntry, signEntry, signJoinByInvite } from './entry.ts';
import {
  derive,
  generateExportableSigningKey,
  hashLength,
  importAesKey,
  importHkdfKey,
  importSigningKey,
  randomBytes,
  seal,
  sha256,
  unseal,
} from './subtle.ts';
import type {
  AccountKeys,
  Bytes,
  Entry,
  InviteContent,
  InviteDraft,
  InviteFailure,
  LogState,
  Outcome,
} from './types.ts';

const VERSION = 1;
const SECRET_LENGTH = 32;

export async function draftInvite(): Promise<InviteDraft> {
  const secret = randomBytes(SECRET_LENGTH);
  const [{ codeHash }, { publicKey, pkcs8 }] = await Promise.all([inviteCode(secret), generateExportableSigningKey()]);
  return { secret, codeHash, inviteKey: publicKey, privateKey: pkcs8 };
}

/**
 * The invite's signed entry and its sealed part. On `conflict` fold on and call again with the same draft.
 * `maxUses` 0: as often as the server lets. Throws RefusedChange.
 */
export async function prepareInvite(
  state: LogState,
  keys: AccountKeys,
  draft: InviteDraft,
  maxUses: number,
): Promise<{ index: number; entry: Bytes; sealed: Bytes }> {
  const { codeHash, inviteKey } = draft;
  const entry = await signChange(state, keys, { op: 'invite', codeHash, inviteKey, maxUses });
  const content: InviteContent = {
    privateKey: draft.privateKey,
    room: state.room,
    index: state.length,
    head: await hashEntry(entry),
    inviter: { user: keys.user, fingerprint: keys.list.fingerprint },
  };
  const plain = encodeContent(content);
  const joinPart = await seal(await joinKey(draft.secret), plain, sealedContext(codeHash));
  plain.fill(0);
  const wrapPart = new Uint8Array();
  const sealed = new Writer().u8(VERSION).bytes16(joinPart).bytes16(wrapPart).done();
  return { index: state.length, entry, sealed };
}

/** `${origin}/join#` and the secret. */
export function inviteLink(origin: string, secret: Bytes): string {
  return `${origin}/join#${toBase64Url(secret)}`;
}

/** The secret in a whole link, a fragment or the bare text; null when there is none. */
export function parseInviteLink(text: string): Bytes | null {
  const secret = fromBase64Url(text.slice(text.lastIndexOf('#') + 1).trim());
  return secret?.length === SECRET_LENGTH ? secret : null;
}

/** The code that is sent when joining, and its hash as the server and the invite entry have it. */
export async function inviteCode(secret: Bytes): Promise<{ code: string; codeHash: Bytes }> {
  const code = toBase64Url(await derive(await importHkdfKey(secret), 'code', new Uint8Array()));
  return { code, codeHash: await sha256(utf8(code)) };
}

export async function openInvite(secret: Bytes, sealed: Bytes): Promise<Outcome<InviteContent, InviteFailure>> {
  const joinPart = parseAll(sealed, readJoinPart);
  if (joinPart === null) return { ok: false, reason: 'malformed' };
  const { codeHash } = await inviteCode(secret);
  const plain = await unseal(await joinKey(secret), joinPart, sealedContext(codeHash));
  if (plain === null) return { ok: false, reason: 'cannot_open' };
  const content = parseContent(plain);
  plain.fill(0);
  return content === null ? { ok: false, reason: 'malformed' } : { ok: true, value: content };
}

/** Is this log the one that the inviter had, and the inviter in it who the link says? */
export function checkInvite(state: LogState, content: InviteContent): Outcome<true, InviteFailure> {
  const link = state.links[content.index];
  const sameLog = link !== undefined && equalBytes(link.hash, content.head) && equalBytes(state.room, content.room);
  if (!sameLog) return { ok: false, reason: 'wrong_log' };
  const inviter = memberAt(state, content.index, content.inviter.user);
  const sameInviter = inviter !== undefined && equalBytes(inviter.fingerprint, content.inviter.fingerprint);
  return sameInviter ? { ok: true, value: true } : { ok: false, reason: 'wrong_inviter' };
}

/** The joiner's entry for the next index, signed by the invite's key and by this device. Throws RefusedChange. */
export async function signJoin(
  state: LogState,
  keys: AccountKeys,
  content: InviteContent,
  codeHash: Bytes,
): Promise<Bytes> {
  const inviteKey = await importSigningKey(content.privateKey);
  if (inviteKey === null) throw new RangeError('the invite’s key cannot be read');
  const unsigned: Entry = {
    room: state.room,
    index: state.length,
    previous: state.head,
    subject: subjectOf(keys.list),
    actor: { user: keys.user, device: keys.device },
    epoch: currentEpoch(state),
    payload: { op: 'join', codeHash, inviteSignature: new Uint8Array(), list: keys.list.bytes },
  };
  const inviteSignature = await signJoinByInvite(unsigned, codeHash, inviteKey);
  const payload: Entry['payload'] = { op: 'join', codeHash, inviteSignature, list: keys.list.bytes };
  const bytes = await signEntry({ ...unsigned, payload }, keys.signing.privateKey);
  await appendOwn(state, bytes);
  return bytes;
}

async function joinKey(secret: Bytes): Promise<CryptoKey> {
  const raw = await derive(await importHkdfKey(secret), 'join', new Uint8Array());
  const key = await importAesKey(raw);
  raw.fill(0);
  return key;
}

function sealedContext(codeHash: Bytes): Bytes {
  return concat(label('invite'), codeHash);
}

/**
 * Two parts: what every joiner needs, and the wrapped epoch secret of an instant invite, which this version
 * leaves empty and does not read.
 */
function readJoinPart(reader: Reader): Bytes {
  reader.expect(reader.u8() === VERSION);
  const joinPart = reader.bytes16();
  reader.bytes16();
  return joinPart;
}

function encodeContent(content: InviteContent): Bytes {
  return new Writer()
    .u8(VERSION)
    .bytes16(content.privateKey)
    .fixed(content.room, hashLength)
    .u64(content.index)
    .fixed(content.head, hashLength)
    .id(content.inviter.user)
    .fixed(content.inviter.fingerprint, hashLength)
    .done();
}

function parseContent(plain: Bytes): InviteContent | null {
  return parseAll(plain, (reader) => {
    reader.expect(reader.u8() === VERSION);
    return {
      privateKey: reader.bytes16(),
      room: reader.fixed(hashLength),
      index: reader.u64(),
      head: reader.fixed(hashLength),
      inviter: { user: reader.id(), fingerprint: reader.fixed(hashLength) },
    };
  });
}
