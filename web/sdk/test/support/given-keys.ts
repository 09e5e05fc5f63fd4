/**
 * Accounts whose keys are written down, for golden files. No client has such keys: its own cannot be exported. So this
 * is the one place beside subtle.ts that calls the platform, to import and export them as JWK.
 */
/* eslint-disable no-restricted-syntax -- see above */
import { toHex } from '../../src/crypto/index.ts';
import type { AccountKeys } from '../../src/crypto/index.ts';
import { makeDeviceRecord, openDeviceList, signDeviceList } from '../../src/crypto/keys.ts';
import { generateExportableSigningKey, generateStorageKey } from '../../src/crypto/subtle.ts';
import { hex, unwrap } from './world.ts';

export interface GivenPerson {
  user: string;
  device: string;
  /** Account identity key: PKCS#8 and uncompressed point, hex. */
  identityPkcs8: string;
  identity: string;
  signing: JsonWebKey;
  encryption: JsonWebKey;
  list: string;
}

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256' };
const ECDH = { name: 'ECDH', namedCurve: 'P-256' };

export async function makePerson(user: string, device: string): Promise<GivenPerson> {
  const { publicKey, pkcs8 } = await generateExportableSigningKey();
  const signing = await crypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
  const encryption = await crypto.subtle.generateKey(ECDH, true, ['deriveBits']);
  const record = await makeDeviceRecord({ user, identity: publicKey, device, signing, encryption });
  const list = { user, identity: publicKey, version: 1, previous: new Uint8Array(32), devices: [record] };
  return {
    user,
    device,
    identityPkcs8: toHex(pkcs8),
    identity: toHex(publicKey),
    signing: await exportJwk(signing.privateKey),
    encryption: await exportJwk(encryption.privateKey),
    list: toHex(await signDeviceList(pkcs8, list)),
  };
}

export async function accountOf(person: GivenPerson): Promise<AccountKeys> {
  const { user, device, signing, encryption } = person;
  return {
    user,
    device,
    storageKey: await generateStorageKey(),
    signing: await importPair(signing, ECDSA, ['sign'], ['verify']),
    encryption: await importPair(encryption, ECDH, ['deriveBits'], []),
    record: new Uint8Array(),
    sealedIdentity: new Uint8Array(),
    list: unwrap(await openDeviceList(hex(person.list), user)),
  };
}

/** The four fields that make the key; what a platform adds to them is left out. */
async function exportJwk(key: CryptoKey): Promise<JsonWebKey> {
  const { kty, crv, x, y, d } = await crypto.subtle.exportKey('jwk', key);
  return { kty, crv, x, y, d } as JsonWebKey;
}

async function importPair(
  jwk: JsonWebKey,
  algorithm: EcKeyImportParams,
  privateUse: KeyUsage[],
  publicUse: KeyUsage[],
): Promise<CryptoKeyPair> {
  const publicJwk = { kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y } as JsonWebKey;
  return {
    privateKey: await crypto.subtle.importKey('jwk', jwk, algorithm, false, privateUse),
    publicKey: await crypto.subtle.importKey('jwk', publicJwk, algorithm, true, publicUse),
  };
}
