/**
 * The one canonical encoding: big-endian integers of fixed width, byte strings of fixed width or behind
 * their length. There is exactly one encoding of a value, and a reader that accepts nothing else; what
 * is signed or hashed is therefore never ambiguous. Also the text forms of bytes (base64, base64url, hex).
 *
 * Owns no state and knows no format: the formats stand in the modules that own them.
 */
import type { Bytes } from './types.ts';

/** Thrown by Reader; the parse functions of this layer turn it into "malformed". It carries no content. */
export class MalformedError extends Error {
  override name = 'MalformedError';
}

/** A value that a caller gave and the format cannot hold. */
function limit(holds: boolean, what: string): void {
  if (!holds) throw new RangeError(`${what} does not fit its field`);
}

/** Builds one encoded value; fields are appended in the order of the calls. */
export class Writer {
  private readonly parts: Uint8Array[] = [];

  u8(value: number): this {
    return this.integer(value, 1);
  }

  u16(value: number): this {
    return this.integer(value, 2);
  }

  u32(value: number): this {
    return this.integer(value, 4);
  }

  /** 8 bytes; at most 2^53 − 1, like every integer on the wire. */
  u64(value: number): this {
    return this.integer(value, 8);
  }

  /** Exactly `length` bytes, without a length field. */
  fixed(value: Uint8Array, length: number): this {
    limit(value.length === length, `${value.length} bytes`);
    this.parts.push(value);
    return this;
  }

  /** At most 65,535 bytes behind a u16. */
  bytes16(value: Uint8Array): this {
    this.u16(value.length);
    this.parts.push(value);
    return this;
  }

  bytes32(value: Uint8Array): this {
    this.u32(value.length);
    this.parts.push(value);
    return this;
  }

  /** An identifier given by the server: 1 to 64 bytes of UTF-8 behind a u16. */
  id(value: string): this {
    const bytes = utf8(value);
    limit(bytes.length >= 1 && bytes.length <= maxId && fromUtf8(bytes) === value, 'identifier');
    return this.bytes16(bytes);
  }

  /** Bytes that are an encoded value already. */
  raw(value: Uint8Array): this {
    this.parts.push(value);
    return this;
  }

  done(): Bytes {
    return concat(...this.parts);
  }

  private integer(value: number, width: number): this {
    const max = width === 8 ? Number.MAX_SAFE_INTEGER : 2 ** (8 * width) - 1;
    limit(Number.isSafeInteger(value) && value >= 0 && value <= max, 'integer');
    const bytes = new Uint8Array(width);
    for (let rest = value, i = width - 1; i >= 0; i--, rest = Math.floor(rest / 256)) bytes[i] = rest % 256;
    this.parts.push(bytes);
    return this;
  }
}

/** Longest identifier in bytes. */
export const maxId = 64;

/** Reads one encoded value; throws MalformedError on anything that Writer would not have written. */
export class Reader {
  private readonly bytes: Bytes;
  private at = 0;

  constructor(bytes: Bytes) {
    this.bytes = bytes;
  }

  u8(): number {
    return this.integer(1);
  }

  u16(): number {
    return this.integer(2);
  }

  u32(): number {
    return this.integer(4);
  }

  u64(): number {
    const value = this.integer(8);
    if (value > Number.MAX_SAFE_INTEGER) throw new MalformedError('integer out of range');
    return value;
  }

  /** A copy of the next `length` bytes. */
  fixed(length: number): Bytes {
    const end = this.at + length;
    if (end > this.bytes.length) throw new MalformedError('ends too early');
    const value = this.bytes.slice(this.at, end);
    this.at = end;
    return value;
  }

  bytes16(): Bytes {
    return this.fixed(this.u16());
  }

  bytes32(): Bytes {
    return this.fixed(this.u32());
  }

  id(): string {
    const bytes = this.bytes16();
    const text = fromUtf8(bytes);
    if (text === null || bytes.length < 1 || bytes.length > maxId) throw new MalformedError('bad identifier');
    return text;
  }

  /** A rule of the format; what breaks it is malformed. */
  expect(holds: boolean): void {
    if (!holds) this.fail();
  }

  fail(): never {
    throw new MalformedError('breaks a rule of its format');
  }

  /** How many bytes have been read. */
  get position(): number {
    return this.at;
  }

  /** A copy of what was read from `start` to here: the part of the input that a signature covers. */
  since(start: number): Bytes {
    return this.bytes.slice(start, this.at);
  }

  /** There must be nothing left. */
  end(): void {
    if (this.at !== this.bytes.length) throw new MalformedError('trailing bytes');
  }

  private integer(width: number): number {
    return this.fixed(width).reduce((value, byte) => value * 256 + byte, 0);
  }
}

/** Runs a parser over all of `bytes`; null where they are malformed. Other errors pass through. */
export function parseAll<T>(bytes: Bytes, parse: (reader: Reader) => T): T | null {
  try {
    const reader = new Reader(bytes);
    const value = parse(reader);
    reader.end();
    return value;
  } catch (error) {
    if (error instanceof MalformedError) return null;
    throw error;
  }
}

/** The domain-separation label of one use of a key or hash: "porcupine/v1/<use>" behind its length (u8). */
export function label(use: string): Bytes {
  const text = utf8(`porcupine/v1/${use}`);
  return concat(Uint8Array.of(text.length), text);
}

export function concat(...parts: Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** In time that depends on the lengths only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

/** The order of lists in this layer: bytewise, a prefix before what it begins. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function utf8(text: string): Bytes {
  return Uint8Array.from(new TextEncoder().encode(text));
}

/** null for what is no UTF-8. */
export function fromUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Standard base64 with padding (RFC 4648, section 4), as the wire has it. */
export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  // in slices, because the arguments of one call are limited
  for (let at = 0; at < bytes.length; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(binary);
}

/** null for anything that toBase64 would not have written. */
export function fromBase64(text: string): Bytes | null {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return null;
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  // the bits that padding leaves over must be zero
  return toBase64(bytes) === text ? bytes : null;
}

/** base64url without padding (RFC 4648, section 5). */
export function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** null for anything that toBase64Url would not have written. */
export function fromBase64Url(text: string): Bytes | null {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return null;
  const standard = text.replaceAll('-', '+').replaceAll('_', '/');
  return fromBase64(standard + '='.repeat((4 - (standard.length % 4)) % 4));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Lower case only; null for anything that toHex would not have written. */
export function fromHex(text: string): Bytes | null {
  if (!/^([0-9a-f]{2})*$/.test(text)) return null;
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16));
}
