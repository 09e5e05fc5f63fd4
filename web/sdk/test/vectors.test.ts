// The platform's primitives, called the way this layer calls them, against Wycheproof's vectors; HPKE against a seal
// made by another implementation (Python's cryptography 48, on OpenSSL).
import { DhkemP256HkdfSha256 } from '@hpke/core';
import { describe, expect, it } from 'vitest';
import { concat, toHex } from '../src/crypto/encoding.ts';
import { hpkeOpen, hpkeSeal } from '../src/crypto/hpke.ts';
import { readVectors, skipped } from './support/vectors.ts';
import { suites } from './support/wycheproof.ts';
import { hex } from './support/world.ts';

describe('Wycheproof', () => {
  for (const [name, run] of Object.entries(suites)) {
    const file = readVectors(name);
    it.skipIf(file === null)(file === null ? skipped(name) : name, async () => {
      const { count, wrong } = await run(file);
      expect(count).toBeGreaterThan(50);
      expect(wrong).toEqual([]);
    });
  }
});

describe('HPKE', () => {
  const interop = {
    jwk: {
      kty: 'EC',
      crv: 'P-256',
      x: 'mc3L4HbCEefiPaVAKG3J3rY4ovd6Obuht5-4bJU2vVw',
      y: 'kUVNpcvTOkoKuAUfpRfWsi085iFFeMhyHThIjzRZdCM',
      d: 'KDcz3CKQ9fzc4tz_SIjta1lg8IYsE0-CyeiYfH5noGk',
    },
    info: '706f72637570696e6520696e7465726f7020696e666f',
    plain: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    sealed:
      '0409feda9aeffb0fb07996fe3f9ec3ac060ae066c0b3454e365bf2fbce6f7d6525ce0d7b1e23812a30cc00d2a7687fca07e9d3' +
      '05c09ce36cd07c164d2617d7a9267372d5c7b56cd6487dab52628cffb930586049584752807fd05135bc7d4087ca433aae04b6' +
      'cc0877ab4e130c4a4146fe',
  };

  async function keyPair(): Promise<CryptoKeyPair> {
    const kem = new DhkemP256HkdfSha256();
    const { kty, crv, x, y } = interop.jwk;
    return {
      privateKey: await kem.importKey('jwk', interop.jwk, false),
      publicKey: await kem.importKey('jwk', { kty, crv, x, y }, true),
    };
  }

  it('opens what another implementation of RFC 9180 sealed', async () => {
    const plain = await hpkeOpen(await keyPair(), hex(interop.info), hex(interop.sealed));
    expect(plain && toHex(plain)).toBe(interop.plain);
  });

  it('opens nothing under another info and nothing that was changed', async () => {
    const pair = await keyPair();
    const sealed = hex(interop.sealed);
    expect(await hpkeOpen(pair, concat(hex(interop.info), new Uint8Array(1)), sealed)).toBeNull();
    for (const at of [1, 64, 65, sealed.length - 1]) {
      const changed = sealed.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(await hpkeOpen(pair, hex(interop.info), changed)).toBeNull();
    }
    expect(await hpkeOpen(pair, hex(interop.info), sealed.slice(0, 80))).toBeNull();
  });

  it('encapsulates afresh for every seal and refuses a key off the curve', async () => {
    const publicKey = hex(interop.sealed).slice(0, 65);
    const one = await hpkeSeal(publicKey, hex(interop.info), hex(interop.plain));
    const two = await hpkeSeal(publicKey, hex(interop.info), hex(interop.plain));
    expect(toHex(one.slice(0, 65))).not.toBe(toHex(two.slice(0, 65)));
    const off = publicKey.slice();
    off[64] = (off[64] ?? 0) ^ 1;
    await expect(hpkeSeal(off, hex(interop.info), hex(interop.plain))).rejects.toThrow(RangeError);
  });
});
