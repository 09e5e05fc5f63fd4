/**
 * Which cases of Wycheproof's files the platform's primitives get wrong, called the way this layer calls them.
 * Knows nothing of files or test runners, so that Node and a browser run the same.
 */
import { toHex } from '../../src/crypto/index.ts';
import { aesGcmDecrypt, aesGcmEncrypt, hkdf, importAesKey, importHkdfKey, verifyRaw } from '../../src/crypto/subtle.ts';
import { hex } from './world.ts';

interface Case {
  tcId: number;
  result: 'valid' | 'invalid' | 'acceptable';
}

export interface Tally {
  count: number;
  /** The tcId of each case that was accepted though invalid, or refused or answered otherwise though valid. */
  wrong: number[];
}

/** By the file's name: runs its cases, as many as concern the protocol. */
export const suites: Record<string, (file: unknown) => Promise<Tally>> = {
  'aes_gcm_test.json': suite(acceptsAesGcm, ({ keySize, ivSize }) => keySize === 256 && ivSize === 96),
  'ecdsa_secp256r1_sha256_p1363_test.json': suite(acceptsSignature),
  'hkdf_sha256_test.json': suite(acceptsHkdf),
  'ecdh_secp256r1_webcrypto_test.json': suite(acceptsEcdh),
};

function suite<Group extends { tests: Case[] }>(
  accepts: (group: Group, one: Group['tests'][number]) => Promise<boolean>,
  applies: (group: Group) => boolean = () => true,
): (file: unknown) => Promise<Tally> {
  return async (file) => {
    const { testGroups } = file as { testGroups: Group[] };
    const tally: Tally = { count: 0, wrong: [] };
    for (const group of testGroups.filter(applies)) {
      for (const one of group.tests) {
        tally.count += 1;
        if ((await accepts(group, one)) !== (one.result === 'valid')) tally.wrong.push(one.tcId);
      }
    }
    return tally;
  };
}

interface AesGroup {
  keySize: number;
  ivSize: number;
  tests: (Case & { key: string; iv: string; aad: string; msg: string; ct: string; tag: string })[];
}

async function acceptsAesGcm(_: AesGroup, one: AesGroup['tests'][number]): Promise<boolean> {
  const key = await importAesKey(hex(one.key));
  const opened = await aesGcmDecrypt(key, hex(one.iv), hex(one.ct + one.tag), hex(one.aad));
  if (opened === null) return false;
  const sealed = await aesGcmEncrypt(key, hex(one.iv), hex(one.msg), hex(one.aad));
  return toHex(opened) === one.msg && toHex(sealed) === one.ct + one.tag;
}

interface SignatureGroup {
  publicKey: { uncompressed: string };
  tests: (Case & { msg: string; sig: string })[];
}

async function acceptsSignature({ publicKey }: SignatureGroup, { msg, sig }: SignatureGroup['tests'][number]): Promise<boolean> {
  return verifyRaw(hex(publicKey.uncompressed), hex(sig), hex(msg));
}

interface HkdfGroup {
  tests: (Case & { ikm: string; salt: string; info: string; size: number; okm: string })[];
}

async function acceptsHkdf(_: HkdfGroup, { ikm, salt, info, size, okm }: HkdfGroup['tests'][number]): Promise<boolean> {
  const key = await importHkdfKey(hex(ikm));
  const derived = await hkdf(key, hex(salt), hex(info), size).catch(() => null);
  return derived !== null && toHex(derived) === okm;
}

interface EcdhGroup {
  tests: (Case & { public: JsonWebKey; private: JsonWebKey; shared: string })[];
}

/** HPKE is who uses ECDH here, through a library; so the platform's is called directly. */
async function acceptsEcdh(_: EcdhGroup, one: EcdhGroup['tests'][number]): Promise<boolean> {
  // eslint-disable-next-line no-restricted-syntax -- subtle.ts has no ECDH, and what is tested is the platform
  const { subtle } = crypto;
  const curve = { name: 'ECDH', namedCurve: 'P-256' };
  try {
    const own = await subtle.importKey('jwk', one.private, curve, false, ['deriveBits']);
    const peer = await subtle.importKey('jwk', one.public, curve, false, []);
    const shared = await subtle.deriveBits({ name: 'ECDH', public: peer }, own, 256);
    return toHex(new Uint8Array(shared)) === one.shared;
  } catch {
    return false;
  }
}
