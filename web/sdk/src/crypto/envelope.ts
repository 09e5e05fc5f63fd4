/**
 * A message as it travels: header, commitment, ciphertext, signature, and the padding inside the ciphertext.
 * Only bytes; message.ts gives them their keys and checks.
 */
import { Writer, fromHex, parseAll, toHex } from './encoding.ts';
import type { Reader } from './encoding.ts';
import { hashLength, signatureLength } from './subtle.ts';
import type { Bytes, MessageHeader, MessageType } from './types.ts';

const VERSION = 1;
/** P-256, HKDF-SHA256, AES-256-GCM, ECDSA with SHA-256. */
const SUITE = 1;
const TYPES: readonly MessageType[] = ['text', 'edit', 'redaction', 'reaction', 'attachment'];

export const saltLength = 32;
export const commitmentLength = 32;

/** The longest body that the server takes. */
export const maxBody = 65_536;

/** Lengths of padded plaintexts: powers of two, then two steps that leave room for the rest of the body. */
const BUCKETS = [128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 49_152, 64_512] as const;

const LENGTH_FIELD = 4;

/** The longest content in bytes. */
export const maxContent = 64_512 - LENGTH_FIELD;

export interface Envelope {
  /** The header's bytes: H. */
  headerBytes: Bytes;
  header: MessageHeader;
  commitment: Bytes;
  ciphertext: Bytes;
  signature: Bytes;
}

export function encodeHeader(header: MessageHeader & { type: MessageType }): Bytes {
  return new Writer()
    .u8(VERSION)
    .u16(SUITE)
    .fixed(header.room, hashLength)
    .u64(header.epoch)
    .fixed(header.logHead, hashLength)
    .id(header.user)
    .id(header.device)
    .u64(header.counter)
    .fixed(header.previous, hashLength)
    .fixed(uuidBytes(header.clientId), 16)
    .u16(TYPES.indexOf(header.type) + 1)
    .fixed(header.salt, saltLength)
    .u64(header.seen.seq)
    .fixed(header.seen.hash, hashLength)
    .done();
}

export function encodeEnvelope(envelope: Omit<Envelope, 'header'>): Bytes {
  return new Writer()
    .u8(VERSION)
    .bytes16(envelope.headerBytes)
    .fixed(envelope.commitment, commitmentLength)
    .bytes32(envelope.ciphertext)
    .fixed(envelope.signature, signatureLength)
    .done();
}

export function parseEnvelope(body: Bytes): Envelope | 'malformed' | 'unsupported' {
  if (body.length > maxBody) return 'malformed';
  if (body.length > 0 && body[0] !== VERSION) return 'unsupported';
  const outer = parseAll(body, (reader) => {
    reader.u8();
    return {
      headerBytes: reader.bytes16(),
      commitment: reader.fixed(commitmentLength),
      ciphertext: reader.bytes32(),
      signature: reader.fixed(signatureLength),
    };
  });
  if (outer === null) return 'malformed';
  if (!isKnown(outer.headerBytes)) return 'unsupported';
  const header = parseAll(outer.headerBytes, readHeader);
  return header === null ? 'malformed' : { ...outer, header };
}

/** Content behind its length, then zeros up to the bucket, so that sizes tell less. */
export function pad(content: Bytes): Bytes {
  const length = LENGTH_FIELD + content.length;
  const bucket = BUCKETS.find((size) => size >= length);
  if (bucket === undefined) throw new RangeError(`content is longer than ${maxContent} bytes`);
  const padded = new Uint8Array(bucket);
  padded.set(new Writer().bytes32(content).done());
  return padded;
}

/** null for what `pad` would not have made. */
export function unpad(padded: Bytes): Bytes | null {
  return parseAll(padded, (reader) => {
    const content = reader.bytes32();
    const zeros = reader.fixed(padded.length - reader.position);
    const fits = BUCKETS.find((size) => size >= LENGTH_FIELD + content.length) === padded.length;
    reader.expect(fits && zeros.every((byte) => byte === 0));
    return content;
  });
}

/** Version and suite stand first, so that a later header is told apart from a broken one. */
function isKnown(headerBytes: Bytes): boolean {
  const start = parseAll(headerBytes.slice(0, 3), (reader) => ({ version: reader.u8(), suite: reader.u16() }));
  return start === null || (start.version === VERSION && start.suite === SUITE);
}

function readHeader(reader: Reader): MessageHeader {
  reader.expect(reader.u8() === VERSION && reader.u16() === SUITE);
  return {
    room: reader.fixed(hashLength),
    epoch: reader.u64(),
    logHead: reader.fixed(hashLength),
    user: reader.id(),
    device: reader.id(),
    counter: reader.u64(),
    previous: reader.fixed(hashLength),
    clientId: uuidText(reader.fixed(16)),
    type: TYPES[reader.u16() - 1] ?? 'unknown',
    salt: reader.fixed(saltLength),
    seen: { seq: reader.u64(), hash: reader.fixed(hashLength) },
  };
}

function uuidBytes(text: string): Bytes {
  const bytes = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? fromHex(text.replaceAll('-', '')) : null;
  if (bytes === null) throw new RangeError('the client id is no UUID in lower case');
  return bytes;
}

function uuidText(bytes: Bytes): string {
  return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
