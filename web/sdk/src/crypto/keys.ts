/**
 * Keys of accounts and devices: the account identity key (AIK), the signed, hash-chained device list, and the
 * trust-on-first-use pin of other accounts.
 *
 * Owns the formats "device record" and "device list" and what rests on this device under its storage key.
 * Never stores anything itself and never asks the server.
 */
import { Writer, compareBytes, concat, equalBytes, label, parseAll, utf8 } from './encoding.ts';
import type { Reader } from './encoding.ts';
import {
  exportPublicKey,
  generateEncryptionKeys,
  generateExportableSigningKey,
  generateSigningKeys,
  generateStorageKey,
  hash,
  hashLength,
  importEncryptionKey,
  importSigningKey,
  publicKeyLength,
  seal,
  sign,
  signatureLength,
  unseal,
  verify,
} from './subtle.ts';
import type { AccountKeys, Bytes, DeviceList, DeviceRecord, ListFailure, Outcome, Pin, PinFailure } from './types.ts';

const VERSION = 1;
/** Every device costs all members a seal in every epoch, so an account cannot claim many. */
const MAX_DEVICES = 10;

/** A new account identity with this device as its only one (device list version 1). */
export async function createAccountKeys(user: string, device: string): Promise<AccountKeys> {
  const [storageKey, signing, encryption, identity] = await Promise.all([
    generateStorageKey(),
    generateSigningKeys(),
    generateEncryptionKeys(),
    generateExportableSigningKey(),
  ]);
  try {
    const record = await makeDeviceRecord({ user, identity: identity.publicKey, device, signing, encryption });
    const bytes = await signDeviceList(identity.pkcs8, {
      user,
      identity: identity.publicKey,
      version: 1,
      previous: new Uint8Array(hashLength),
      devices: [record],
    });
    const list = await openDeviceList(bytes, user);
    if (!list.ok) throw new Error(`own device list: ${list.reason}`);
    return {
      user,
      device,
      storageKey,
      signing,
      encryption,
      record: encodeRecord(new Writer().u8(VERSION), record).done(),
      sealedIdentity: await seal(storageKey, identity.pkcs8, identityPurpose(user)),
      list: list.value,
    };
  } finally {
    identity.pkcs8.fill(0);
  }
}

/** Parses a device list and verifies its signature and every countersignature. */
export async function openDeviceList(bytes: Bytes, user: string): Promise<Outcome<DeviceList, ListFailure>> {
  const parsed = parseAll(bytes, readList);
  if (parsed === null || !(await allKeysAreOnTheCurve(parsed.devices))) return { ok: false, reason: 'malformed' };
  const { body, signature, ...list } = parsed;
  if (list.user !== user) return { ok: false, reason: 'wrong_user' };
  if (!(await verify(list.identity, signature, 'device-list', body))) return { ok: false, reason: 'bad_signature' };
  for (const device of list.devices) {
    const signed = countersigned(list.user, list.identity, device.device, device.encryptionKey);
    if (!(await verify(device.signingKey, device.countersignature, 'device', signed))) {
      return { ok: false, reason: 'bad_countersignature' };
    }
  }
  return {
    ok: true,
    value: { ...list, fingerprint: await fingerprintOf(list.identity), hash: await hash('device-list', body), bytes },
  };
}

/** Trust on first use: gives the pin to keep. `pin` undefined for a user never seen before. */
export function checkPin(list: DeviceList, pin: Pin | undefined): Outcome<Pin, PinFailure> {
  const next: Pin = { user: list.user, fingerprint: list.fingerprint, version: list.version, hash: list.hash };
  if (pin === undefined) return { ok: true, value: next };
  if (pin.user !== list.user || !equalBytes(pin.fingerprint, list.fingerprint)) {
    return { ok: false, reason: 'identity_changed' };
  }
  if (list.version < pin.version) return { ok: false, reason: 'older_version' };
  if (list.version > pin.version + 1) return { ok: false, reason: 'versions_missing' };
  const follows = list.version === pin.version ? list.hash : list.previous;
  return equalBytes(follows, pin.hash) ? { ok: true, value: next } : { ok: false, reason: 'forked' };
}

export interface DeviceKeys {
  user: string;
  /** The account identity key, uncompressed point. */
  identity: Bytes;
  device: string;
  signing: CryptoKeyPair;
  encryption: CryptoKeyPair;
}

/** A device's public keys, countersigned by it for this account. */
export async function makeDeviceRecord(keys: DeviceKeys): Promise<DeviceRecord> {
  const signingKey = await exportPublicKey(keys.signing.publicKey);
  const encryptionKey = await exportPublicKey(keys.encryption.publicKey);
  const signed = countersigned(keys.user, keys.identity, keys.device, encryptionKey);
  const countersignature = await sign(keys.signing.privateKey, 'device', signed);
  return { device: keys.device, signingKey, encryptionKey, countersignature };
}

/** The next version of a device list, signed by the identity key (PKCS#8; the caller wipes it). */
export async function signDeviceList(
  identityPkcs8: Bytes,
  list: Pick<DeviceList, 'user' | 'identity' | 'version' | 'previous' | 'devices'>,
): Promise<Bytes> {
  const key = await importSigningKey(identityPkcs8);
  if (key === null) throw new Error('the account identity key cannot be read');
  const body = writeList(list);
  return concat(body, await sign(key, 'device-list', body));
}

/** The private identity key of this account, PKCS#8; the caller wipes it. null when the storage key is another. */
export async function unsealIdentity(keys: AccountKeys): Promise<Bytes | null> {
  return unseal(keys.storageKey, keys.sealedIdentity, identityPurpose(keys.user));
}

/** Seals bytes that rest on this device; `purpose` is authenticated, so that one thing is not taken for another. */
export async function sealLocal(storageKey: CryptoKey, purpose: string, plain: Bytes): Promise<Bytes> {
  return seal(storageKey, plain, localPurpose(purpose));
}

/** null when it was not sealed by this key for this purpose. */
export async function openLocal(storageKey: CryptoKey, purpose: string, sealed: Bytes): Promise<Bytes | null> {
  return unseal(storageKey, sealed, localPurpose(purpose));
}

async function fingerprintOf(identity: Bytes): Promise<Bytes> {
  return hash('identity', identity);
}

async function allKeysAreOnTheCurve(devices: readonly DeviceRecord[]): Promise<boolean> {
  const keys = await Promise.all(devices.map((device) => importEncryptionKey(device.encryptionKey)));
  return !keys.includes(null);
}

function countersigned(user: string, identity: Bytes, device: string, encryptionKey: Bytes): Bytes {
  return new Writer()
    .id(user)
    .fixed(identity, publicKeyLength)
    .id(device)
    .fixed(encryptionKey, publicKeyLength)
    .done();
}

function identityPurpose(user: string): Bytes {
  return concat(label('identity-at-rest'), utf8(user));
}

function localPurpose(purpose: string): Bytes {
  return concat(label('local'), utf8(purpose));
}

function encodeRecord(writer: Writer, record: DeviceRecord): Writer {
  return writer
    .id(record.device)
    .fixed(record.signingKey, publicKeyLength)
    .fixed(record.encryptionKey, publicKeyLength)
    .fixed(record.countersignature, signatureLength);
}

function readRecord(reader: Reader): DeviceRecord {
  return {
    device: reader.id(),
    signingKey: reader.fixed(publicKeyLength),
    encryptionKey: reader.fixed(publicKeyLength),
    countersignature: reader.fixed(signatureLength),
  };
}

/** All of a list but its signature. */
function writeList(list: Pick<DeviceList, 'user' | 'identity' | 'version' | 'previous' | 'devices'>): Bytes {
  const writer = new Writer()
    .u8(VERSION)
    .id(list.user)
    .fixed(list.identity, publicKeyLength)
    .u32(list.version)
    .fixed(list.previous, hashLength)
    .u16(list.devices.length);
  const ordered = [...list.devices].sort((a, b) => compareBytes(utf8(a.device), utf8(b.device)));
  for (const record of ordered) encodeRecord(writer, record);
  return writer.done();
}

function readList(reader: Reader) {
  const start = reader.position;
  reader.expect(reader.u8() === VERSION);
  const user = reader.id();
  const identity = reader.fixed(publicKeyLength);
  const version = reader.u32();
  reader.expect(version >= 1);
  const previous = reader.fixed(hashLength);
  reader.expect(version > 1 || previous.every((byte) => byte === 0));
  const count = reader.u16();
  reader.expect(count >= 1 && count <= MAX_DEVICES);
  const devices: DeviceRecord[] = [];
  for (let i = 0; i < count; i++) {
    const record = readRecord(reader);
    const before = devices.at(-1);
    // ascending, so that a list has one encoding and names a device once
    reader.expect(before === undefined || compareBytes(utf8(before.device), utf8(record.device)) < 0);
    devices.push(record);
  }
  const body = reader.since(start);
  return { user, identity, version, previous, devices, body, signature: reader.fixed(signatureLength) };
}
