/**
 * Messages: a fresh key for each, committed to, bound to a signed header, chained per device.
 *
 * Owns the key schedule and the order of the checks. A check that fails ends with its name, never with an
 * exception and never with partial content. Knows no outbox and no counters beyond what it is given: to use a
 * (epoch, counter) for two different messages is the caller's mistake, and the receivers' checks show it.
 */
import { deviceOf, memberAt } from './controllog.ts';
import { Writer, concat, equalBytes, label } from './encoding.ts';
import { commitmentLength, encodeEnvelope, encodeHeader, maxBody, pad, parseEnvelope, saltLength, unpad } from './envelope.ts';
import type { Envelope } from './envelope.ts';
import { roomAndEpoch } from './epochs.ts';
import {
  aesGcmDecrypt,
  aesGcmEncrypt,
  derive,
  hash,
  hashLength,
  hkdf,
  importAesKey,
  importHkdfKey,
  nonceLength,
  randomBytes,
  sign,
  verify,
} from './subtle.ts';
import type {
  Bytes,
  ChainEnd,
  EpochKey,
  LogState,
  MessageFailure,
  MessageHeader,
  MessageType,
  OpenContext,
  OpenResult,
  OuterEvent,
  SealedMessage,
  SealMessageInput,
} from './types.ts';

export { maxContent } from './envelope.ts';

const KEY_LENGTH = 32;

/** Encrypts and signs. Throws RangeError when the content is longer than maxContent. */
export async function sealMessage(input: SealMessageInput): Promise<SealedMessage> {
  return sealWithSalt(input, randomBytes(saltLength));
}

/** For golden files only: a salt that is used twice for one header would give away both plaintexts. */
export async function sealWithSalt(input: SealMessageInput, salt: Bytes): Promise<SealedMessage> {
  const { epochKey, last } = input;
  const header: MessageHeader & { type: MessageType } = {
    room: epochKey.room,
    epoch: epochKey.epoch,
    logHead: input.logHead,
    user: input.user,
    device: input.device,
    counter: last?.epoch === epochKey.epoch ? last.counter + 1 : 0,
    previous: last?.hash ?? new Uint8Array(hashLength),
    clientId: input.clientId,
    type: input.type,
    salt,
    seen: input.seen,
  };
  const headerBytes = encodeHeader(header);
  const keys = await messageKeys(epochKey, header, headerBytes);
  const signedHeader = concat(headerBytes, keys.commitment);
  const ciphertext = await aesGcmEncrypt(keys.key, keys.nonce, pad(input.content), signedHeader);
  const ciphertextHash = await hash('ciphertext', ciphertext);
  const signature = await sign(input.signingKey, 'message', signedHeader, ciphertextHash);
  const body = encodeEnvelope({ headerBytes, commitment: keys.commitment, ciphertext, signature });
  if (body.length > maxBody) throw new RangeError('the message is too long');
  const link = { epoch: header.epoch, counter: header.counter, hash: await messageHash(signedHeader, ciphertextHash) };
  return { body, link };
}

/** All checks in the protocol's order, then decrypts. */
export async function openMessage(event: OuterEvent, context: OpenContext): Promise<OpenResult> {
  const envelope = parseEnvelope(event.body);
  if (typeof envelope === 'string') return { ok: false, reason: envelope };
  const { header } = envelope;
  const outside = checkOutside(event, header, context.log);
  if (outside !== null) return { ok: false, reason: outside, header };

  const signingKey = findSigningKey(event, header, context.log);
  if (typeof signingKey === 'string') return { ok: false, reason: signingKey, header };
  const signedHeader = concat(envelope.headerBytes, envelope.commitment);
  const ciphertextHash = await hash('ciphertext', envelope.ciphertext);
  if (!(await verify(signingKey, envelope.signature, 'message', signedHeader, ciphertextHash))) {
    return { ok: false, reason: 'bad_signature', header };
  }

  const link = { epoch: header.epoch, counter: header.counter, hash: await messageHash(signedHeader, ciphertextHash) };
  const inChain = checkChain(header, context.previous);
  if (inChain === 'replayed') return { ok: false, reason: inChain, header };
  const reason = inChain ?? checkSeen(event, header, context);
  if (reason !== null) return { ok: false, reason, header, link };

  const content = await decrypt(envelope, signedHeader, context.epochKey);
  return typeof content === 'string'
    ? { ok: false, reason: content, header, link }
    : { ok: true, message: { header, link, content } };
}

/** What the server says about the event must be what the sender signed, and the epoch in force at its place. */
function checkOutside(event: OuterEvent, header: MessageHeader, log: LogState): MessageFailure | null {
  if (!equalBytes(header.room, log.room)) return 'wrong_room';
  if (header.user !== event.sender || header.device !== event.device) return 'wrong_sender';
  if (header.clientId !== event.clientId) return 'wrong_client_id';
  if (header.epoch !== event.epoch) return 'wrong_epoch';
  const began = log.epochs[header.epoch];
  const ended = log.epochs[header.epoch + 1];
  const inForce = began !== undefined && began.seq < event.seq && (ended === undefined || event.seq < ended.seq);
  return inForce ? null : 'epoch_not_in_force';
}

/** The key of the sending device, which must be a member's at the log head that it names and at the event's place. */
function findSigningKey(event: OuterEvent, header: MessageHeader, log: LogState): Bytes | MessageFailure {
  const head = log.links.findLastIndex((link) => equalBytes(link.hash, header.logHead));
  if (head === -1) return 'unknown_log_head';
  const headSeq = log.links[head]?.seq ?? Infinity;
  const epochIndex = log.epochs[header.epoch]?.index ?? Infinity;
  if (head < epochIndex || headSeq >= event.seq) return 'wrong_log_head';
  const device = deviceOf(memberAt(log, head, header.user)?.list, header.device);
  if (device === undefined) return 'unknown_device';
  const place = log.links.findLastIndex((link) => link.seq < event.seq);
  const still = deviceOf(memberAt(log, place, header.user)?.list, header.device);
  return still !== undefined && equalBytes(still.signingKey, device.signingKey) ? device.signingKey : 'removed';
}

function checkChain(header: MessageHeader, previous: ChainEnd | null | undefined): MessageFailure | null {
  if (previous === undefined) return null;
  const last: ChainEnd = previous ?? { epoch: -1, counter: -1, hash: new Uint8Array(hashLength) };
  if (header.epoch < last.epoch) return 'replayed';
  const sameEpoch = header.epoch === last.epoch;
  if (sameEpoch && header.counter <= last.counter) return 'replayed';
  if (sameEpoch && overRemoved(last, header.counter)) return null;
  if (header.counter !== (sameEpoch ? last.counter + 1 : 0)) return 'gap';
  if (equalBytes(header.previous, last.hash)) return null;
  // at the start of an epoch the counter can't tell whether the end of the one before is missing
  return sameEpoch ? 'broken_chain' : 'gap';
}

/**
 * Whether nothing but removed messages can lie between `last` and number `counter` of its epoch: at least as many are shown there as are
 * missing. At the start of another epoch nobody can count them.
 */
export function overRemoved(last: ChainEnd, counter: number): boolean {
  return counter > last.counter + 1 && counter <= last.counter + 1 + (last.removed ?? 0);
}

/** Where the chain of a device begins that was a member in the first epoch. */
export const beforeFirst: ChainEnd = { epoch: 0, counter: -1, hash: new Uint8Array(hashLength) };

function checkSeen(event: OuterEvent, header: MessageHeader, context: OpenContext): MessageFailure | null {
  const { seq, hash: seenHash } = header.seen;
  if (seq >= event.seq) return 'forked';
  const known = context.hashAt?.(seq);
  return known === undefined || equalBytes(known, seenHash) ? null : 'forked';
}

async function decrypt(
  envelope: Envelope,
  signedHeader: Bytes,
  epochKey: EpochKey | null,
): Promise<Bytes | MessageFailure> {
  const { header, headerBytes } = envelope;
  if (epochKey === null) return 'no_key';
  if (!equalBytes(epochKey.room, header.room) || epochKey.epoch !== header.epoch) return 'no_key';
  const keys = await messageKeys(epochKey, header, headerBytes);
  if (!equalBytes(keys.commitment, envelope.commitment)) return 'bad_commitment';
  const padded = await aesGcmDecrypt(keys.key, keys.nonce, envelope.ciphertext, signedHeader);
  if (padded === null) return 'cannot_decrypt';
  if (header.type === 'unknown') return 'unsupported';
  return unpad(padded) ?? 'bad_content';
}

interface MessageKeys {
  key: CryptoKey;
  nonce: Bytes;
  commitment: Bytes;
}

/** Epoch secret → the sending device's key → this message's key, nonce and commitment. */
async function messageKeys(epochKey: EpochKey, header: MessageHeader, headerBytes: Bytes): Promise<MessageKeys> {
  const senderContext = new Writer()
    .raw(roomAndEpoch(epochKey.room, epochKey.epoch))
    .id(header.user)
    .id(header.device)
    .done();
  const senderSecret = await derive(epochKey.key, 'sender', senderContext);
  const senderKey = await importHkdfKey(senderSecret);
  senderSecret.fill(0);
  const info = concat(label('msg'), await hash('header', headerBytes));
  const okm = await hkdf(senderKey, header.salt, info, KEY_LENGTH + nonceLength + commitmentLength);
  const rawKey = okm.slice(0, KEY_LENGTH);
  const nonce = okm.slice(KEY_LENGTH, KEY_LENGTH + nonceLength);
  const commitment = okm.slice(KEY_LENGTH + nonceLength);
  okm.fill(0);
  const key = await importAesKey(rawKey);
  rawKey.fill(0);
  return { key, nonce, commitment };
}

/** A message's id: over everything but the signature, which is malleable. */
async function messageHash(signedHeader: Bytes, ciphertextHash: Bytes): Promise<Bytes> {
  return hash('id', signedHeader, ciphertextHash);
}
