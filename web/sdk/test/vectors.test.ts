// The platform's primitives, called the way this layer calls them, against Wycheproof's vectors; HPKE against a seal
// made by another implementation (Python's cryptography 48, on OpenSSL).
import { DhkemP256HkdfSha256 } from '@hpke/core';
import { describe, expect, it } from 'vitest';
import { concat, toHex } from '../src/crypto/encoding.ts';
import { hpkeOpen, hpkeSeal } from '../src/crypto/hpke.ts';
import { aesGcmDecrypt, aesGcmEncrypt, hkdf, importAesKey, importHkdfKey, verifyRaw } from '../src/crypto/subtle.ts';
import { hex, readVectors, skipped } from './support/vectors.ts';

interface Case {
  tcId: number;
  result: 'valid' | 'invalid' | 'acceptable';
}

/** Runs every case of a file's groups as one test, which names the cases that went wrong. */
function vectors<Group extends { tests: Case[] }>(
  file: string,
  accepts: (group: Group, one: Group['tests'][number]) => Promise<boolean>,
  applies: (group: Group) => boolean = () => true,
): void {
  const groups = readVectors<Group>(file)?.testGroups.filter(applies);
  it.skipIf(groups === undefined)(groups === undefined ? skipped(file) : file, async () => {
    const wrong: number[] = [];
    let count = 0;
    for (const group of groups ?? []) {
      for (const one of group.tests) {
        count += 1;
        if ((await accepts(group, one)) !== (one.result === 'valid')) wrong.push(one.tcId);
      }
    }
    expect(count).toBeGreaterThan(0);
    expect(wrong).toEqual([]);
  });
}

interface AesCase extends Case {
  key: string;
  iv: string;
  aad: string;
  msg: string;
  ct: string;
  tag: string;
}

interface SignatureGroup {
  publicKey: { uncompressed: string };
  tests: (Case & { msg: string; sig: string })[];
}

interface HkdfGroup {
  tests: (Case & { ikm: string; salt: string; info: string; size: number; okm: string })[];
}

interface EcdhGroup {
  tests: (Case & { public: JsonWebKey; private: JsonWebKey; shared: string })[];
}

describe('Wycheproof', () => {
  vectors<{ keySize: number; ivSize: number; tests: AesCase[] }>(
    'aes_gcm_test.json',
    async (_, { key, iv, aad, msg, ct, tag, result }) => {
      const aesKey = await importAesKey(hex(key));
      const opened = await aesGcmDecrypt(aesKey, hex(iv), hex(ct + tag), hex(aad));
      if (opened === null) return false;
      const sealed = await aesGcmEncrypt(aesKey, hex(iv), hex(msg), hex(aad));
      return toHex(opened) === msg && (result !== 'valid' || toHex(sealed) === ct + tag);
    },
    ({ keySize, ivSize }) => keySize === 256 && ivSize === 96,
  );

  vectors<SignatureGroup>('ecdsa_secp256r1_sha256_p1363_test.json', ({ publicKey }, { msg, sig }) =>
    verifyRaw(hex(publicKey.uncompressed), hex(sig), hex(msg)),
  );

  vectors<HkdfGroup>('hkdf_sha256_test.json', async (_, { ikm, salt, info, size, okm }) => {
    const key = await importHkdfKey(hex(ikm));
    const derived = await hkdf(key, hex(salt), hex(info), size).catch(() => null);
    return derived !== null && toHex(derived) === okm;
  });

  vectors<EcdhGroup>('ecdh_secp256r1_webcrypto_test.json', async (_, { public: publicKey, private: own, shared }) => {
    const secret = await platformEcdh(own, publicKey).catch(() => null);
    return secret !== null && toHex(secret) === shared;
  });
});

/** HPKE is who uses ECDH here, through a library; so the platform's is called directly. */
async function platformEcdh(own: JsonWebKey, publicKey: JsonWebKey): Promise<Uint8Array> {
  // eslint-disable-next-line no-restricted-syntax -- subtle.ts has no ECDH, and what is tested is the platform
  const { subtle } = crypto;
  const curve = { name: 'ECDH', namedCurve: 'P-256' };
  const privateKey = await subtle.importKey('jwk', own, curve, false, ['deriveBits']);
  const peer = await subtle.importKey('jwk', publicKey, curve, false, []);
  return new Uint8Array(await subtle.deriveBits({ name: 'ECDH', public: peer }, privateKey, 256));
}

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
