// One encoding for each value, and readers that accept no other.
import { describe, expect, it } from 'vitest';
import {
  MalformedError,
  Reader,
  Writer,
  compareBytes,
  equalBytes,
  fromBase64,
  fromBase64Url,
  fromHex,
  fromUtf8,
  label,
  parseAll,
  toBase64,
  toBase64Url,
  toHex,
  utf8,
} from '../src/crypto/encoding.ts';
import { pad, parseEnvelope, unpad, maxContent } from '../src/crypto/envelope.ts';
import { createAccountKeys, openDeviceList, parseEntry } from '../src/crypto/index.ts';
import type { Bytes } from '../src/crypto/index.ts';
import { Room, hex, must } from './support/world.ts';

describe('Writer and Reader', () => {
  it('write big-endian integers and lengths before bytes', () => {
    const bytes = new Writer()
      .u8(1)
      .u16(0x0203)
      .u32(0x04050607)
      .u64(2 ** 53 - 1)
      .bytes16(hex('aabb'))
      .bytes32(hex('cc'))
      .id('é')
      .fixed(hex('dd'), 1)
      .done();
    expect(toHex(bytes)).toBe('01' + '0203' + '04050607' + '001fffffffffffff' + '0002aabb' + '00000001cc' + '0002c3a9' + 'dd');
    const reader = new Reader(bytes);
    expect([reader.u8(), reader.u16(), reader.u32(), reader.u64()]).toEqual([1, 0x0203, 0x04050607, 2 ** 53 - 1]);
    expect([toHex(reader.bytes16()), toHex(reader.bytes32()), reader.id(), toHex(reader.fixed(1))]).toEqual(['aabb', 'cc', 'é', 'dd']);
    reader.end();
  });

  it('refuse values that do not fit', () => {
    expect(() => new Writer().u8(256)).toThrow(RangeError);
    expect(() => new Writer().u16(-1)).toThrow(RangeError);
    expect(() => new Writer().u32(1.5)).toThrow(RangeError);
    expect(() => new Writer().u64(2 ** 53)).toThrow(RangeError);
    expect(() => new Writer().fixed(hex('aa'), 2)).toThrow(RangeError);
    expect(() => new Writer().bytes16(new Uint8Array(65_536))).toThrow(RangeError);
    expect(() => new Writer().id('')).toThrow(RangeError);
    expect(() => new Writer().id('x'.repeat(65))).toThrow(RangeError);
    expect(() => new Writer().id('\ud800')).toThrow(RangeError);
  });

  it.each([
    ['ends too early', '0003aabb', (reader: Reader) => reader.bytes16()],
    ['has trailing bytes', '0001aabb', (reader: Reader) => reader.bytes16()],
    ['has an integer beyond 2^53 − 1', '0020000000000000', (reader: Reader) => reader.u64()],
    ['has an identifier that is no UTF-8', '0001ff', (reader: Reader) => reader.id()],
    ['has an empty identifier', '0000', (reader: Reader) => reader.id()],
    ['has an identifier that is too long', `0041${'61'.repeat(65)}`, (reader: Reader) => reader.id()],
  ])('refuse input that %s', (_, input, parse) => {
    expect(parseAll<unknown>(hex(input), parse)).toBeNull();
  });

  it('let errors other than malformed input through', () => {
    const broken = () => {
      throw new TypeError('a defect');
    };
    expect(() => parseAll(hex(''), broken)).toThrow(TypeError);
    expect(() => new Reader(hex('')).fail()).toThrow(MalformedError);
  });
});

describe('text forms of bytes', () => {
  it.each([
    ['', '', ''],
    ['66', 'Zg==', 'Zg'],
    ['666f', 'Zm8=', 'Zm8'],
    ['666f6f', 'Zm9v', 'Zm9v'],
    ['fbff', '+/8=', '-_8'],
  ])('of %s', (bytes, base64, base64Url) => {
    expect(toBase64(hex(bytes))).toBe(base64);
    expect(toBase64Url(hex(bytes))).toBe(base64Url);
    expect(fromBase64(base64)).toEqual(hex(bytes));
    expect(fromBase64Url(base64Url)).toEqual(hex(bytes));
  });

  it('of many bytes', () => {
    const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => i % 251);
    expect(fromBase64(toBase64(bytes))).toEqual(bytes);
  });

  it.each(['Zg', 'Zg=', 'Zh==', 'Zm9', 'Zm9v ', 'Zm-v', '====', 'Zg==Zg==', '\n'])('refuse base64 %j', (text) => {
    expect(fromBase64(text)).toBeNull();
  });

  it.each(['Zg==', 'Zh', 'Zm+v', 'Z', ' Zg'])('refuse base64url %j', (text) => {
    expect(fromBase64Url(text)).toBeNull();
  });

  it('refuse hex in capitals, of odd length or with other characters', () => {
    expect([fromHex('AA'), fromHex('a'), fromHex('0g')]).toEqual([null, null, null]);
    expect(toHex(hex('00ff10'))).toBe('00ff10');
  });

  it('refuse what is no UTF-8 and keep a byte order mark', () => {
    expect(fromUtf8(hex('c0af'))).toBeNull();
    expect(fromUtf8(hex('efbbbf61'))).toBe('\ufeffa');
  });
});

describe('comparisons and labels', () => {
  it('order bytes and tell equal from unequal', () => {
    expect(compareBytes(utf8('10'), utf8('9'))).toBeLessThan(0);
    expect(compareBytes(utf8('1'), utf8('10'))).toBeLessThan(0);
    expect(equalBytes(hex('00ff'), hex('00ff'))).toBe(true);
    expect(equalBytes(hex('00ff'), hex('00fe'))).toBe(false);
    expect(equalBytes(hex('00'), hex('0000'))).toBe(false);
  });

  it('put the length before a label, so that none begins another', () => {
    expect(fromUtf8(label('id').slice(1))).toBe('porcupine/v1/id');
    expect(label('id')[0]).toBe(15);
  });
});

describe('padding', () => {
  it.each([
    [0, 128],
    [124, 128],
    [125, 256],
    [32_764, 32_768],
    [32_765, 49_152],
    [maxContent, 64_512],
  ])('brings %i bytes of content to %i', (length, bucket) => {
    const content = new Uint8Array(length).fill(0x61);
    expect(pad(content)).toHaveLength(bucket);
    expect(unpad(pad(content))).toEqual(content);
  });

  it('refuses content beyond the limit, and padding that pad would not have made', () => {
    expect(() => pad(new Uint8Array(maxContent + 1))).toThrow(RangeError);
    const dirty = pad(utf8('hello'));
    dirty[127] = 1;
    expect(unpad(dirty)).toBeNull();
    const tooWide = new Uint8Array(256);
    tooWide.set(pad(utf8('hello')));
    expect(unpad(tooWide)).toBeNull();
    expect(unpad(hex('000000ff61'))).toBeNull();
  });
});

describe('envelopes', () => {
  it('of another version are told apart from broken ones', () => {
    expect(parseEnvelope(hex('02aaaa'))).toBe('unsupported');
    expect(parseEnvelope(hex('01aaaa'))).toBe('malformed');
    expect(parseEnvelope(hex(''))).toBe('malformed');
    const empty = new Writer().u8(1).bytes16(hex('020001')).fixed(new Uint8Array(32), 32);
    expect(parseEnvelope(empty.bytes32(hex('')).fixed(new Uint8Array(64), 64).done())).toBe('unsupported');
  });
});

describe('whatever bytes come', () => {
  /** A small generator with a fixed seed, so that a failure can be repeated (xorshift32). */
  function random(seed: number): () => number {
    let state = seed;
    return () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state >>> 0;
    };
  }

  function mangled(bytes: Bytes, next: () => number): Bytes {
    const changed = bytes.slice(0, next() % 4 === 0 ? next() % (bytes.length + 1) : bytes.length);
    for (let edits = next() % 4; edits > 0 && changed.length > 0; edits--) changed[next() % changed.length] = next() % 256;
    return changed;
  }

  it('parsers answer and do not throw', async () => {
    const ada = await createAccountKeys('1', '11');
    const room = await Room.begin(ada);
    const { body } = await room.send(ada, 'hello');
    const { bytes } = must(room.entries[1]);
    const next = random(20_261_122);
    for (let round = 0; round < 2000; round++) {
      const entry = parseEntry(mangled(bytes, next));
      expect(entry === null || entry.room.length === 32).toBe(true);
      const envelope = parseEnvelope(mangled(body, next));
      expect(typeof envelope === 'string' || envelope.header.salt.length === 32).toBe(true);
      if (round % 20 === 0) {
        const list = mangled(ada.list.bytes, next);
        const opened = await openDeviceList(list, '1');
        expect(opened.ok).toBe(equalBytes(list, ada.list.bytes));
      }
    }
  });
});
