/**
 * The only file that touches crypto.subtle: the five primitives of the protocol (SHA-256, HKDF-SHA256,
 * AES-256-GCM, ECDSA P-256, ECDH P-256 keys) and randomness, each with its parameters fixed.
 *
 * Owns the rule that a long-lived private key is never extractable; the two exceptions (account identity key,
 * invite key) leave as PKCS#8 through generateExportableSigningKey. Never logs, never puts bytes into an error.
 */
import { concat, label } from './encoding.ts';
import type { Bytes } from './types.ts';

const CURVE = 'P-256';
const ECDSA = { name: 'ECDSA', namedCurve: CURVE };
const ECDH = { name: 'ECDH', namedCurve: CURVE };
const ECDSA_SHA256 = { name: 'ECDSA', hash: 'SHA-256' };

/** Lengths in bytes. */
export const hashLength = 32;
export const nonceLength = 12;
export const tagLength = 16;
export const publicKeyLength = 65;
export const signatureLength = 64;

export function randomBytes(length: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** SHA-256 without a label: only for what others compute too (the hash of an invite's code). */
export async function sha256(data: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', data));
}

/** SHA-256 over the label of this use and the parts. */
export async function hash(use: string, ...parts: Uint8Array[]): Promise<Bytes> {
  return sha256(concat(label(use), ...parts));
}

// ---------------------------------------------------------------------------------------------------------- HKDF

/** For deriveBits only: such a key can be neither exported nor derived into another key object. */
export async function importHkdfKey(secret: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits']);
}

/** RFC 5869 with SHA-256; `length` in bytes. */
export async function hkdf(key: CryptoKey, salt: Bytes, info: Bytes, length: number): Promise<Bytes> {
  const bits = await crypto.subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt, info }, key, 8 * length);
  return new Uint8Array(bits);
}

/** HKDF with an empty salt and an info that begins with the label of this use. */
export async function derive(key: CryptoKey, use: string, context: Uint8Array, length = 32): Promise<Bytes> {
  return hkdf(key, new Uint8Array(), concat(label(use), context), length);
}

// ------------------------------------------------------------------------------------------------------- AES-GCM

export async function generateStorageKey(): Promise<CryptoKey> {
  return crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
}

export async function importAesKey(key: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt', 'decrypt']);
}

/** Ciphertext followed by the 16-byte tag. */
export async function aesGcmEncrypt(key: CryptoKey, nonce: Bytes, plain: Bytes, additionalData: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce, additionalData }, key, plain));
}

/** null when the tag does not fit. */
export async function aesGcmDecrypt(
  key: CryptoKey,
  nonce: Bytes,
  sealed: Bytes,
  additionalData: Bytes,
): Promise<Bytes | null> {
  return crypto.subtle.decrypt({ name: 'AES-GCM', iv: nonce, additionalData }, key, sealed).then(
    (plain) => new Uint8Array(plain),
    () => null,
  );
}

/** A random nonce, then ciphertext and tag. */
export async function seal(key: CryptoKey, plain: Bytes, additionalData: Bytes): Promise<Bytes> {
  const nonce = randomBytes(nonceLength);
  return concat(nonce, await aesGcmEncrypt(key, nonce, plain, additionalData));
}

/** Opens what `seal` made; null when it does not fit. */
export async function unseal(key: CryptoKey, sealed: Bytes, additionalData: Bytes): Promise<Bytes | null> {
  if (sealed.length < nonceLength + tagLength) return null;
  return aesGcmDecrypt(key, sealed.slice(0, nonceLength), sealed.slice(nonceLength), additionalData);
}

// --------------------------------------------------------------------------------------------------------- ECDSA

export async function generateSigningKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ECDSA, false, ['sign', 'verify']);
}

/** A signing key that rests sealed or travels in an invite. The caller wipes `pkcs8` after use. */
export async function generateExportableSigningKey(): Promise<{ publicKey: Bytes; pkcs8: Bytes }> {
  const pair = await crypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
  return {
    publicKey: await exportPublicKey(pair.publicKey),
    pkcs8: new Uint8Array(await crypto.subtle.exportKey('pkcs8', pair.privateKey)),
  };
}

/** null for what is no PKCS#8 of this curve. */
export async function importSigningKey(pkcs8: Bytes): Promise<CryptoKey | null> {
  return crypto.subtle.importKey('pkcs8', pkcs8, ECDSA, false, ['sign']).catch(() => null);
}

/** Signs the label of this use followed by the parts; raw r ‖ s, 64 bytes. */
export async function sign(key: CryptoKey, use: string, ...parts: Uint8Array[]): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign(ECDSA_SHA256, key, concat(label(use), ...parts)));
}

/** false for a wrong signature and for a public key that is no point of the curve. */
export async function verify(publicKey: Bytes, signature: Bytes, use: string, ...parts: Uint8Array[]): Promise<boolean> {
  return verifyRaw(publicKey, signature, concat(label(use), ...parts));
}

/** Without a label; `verify` is what the formats use. */
export async function verifyRaw(publicKey: Bytes, signature: Bytes, data: Bytes): Promise<boolean> {
  if (!isUncompressed(publicKey) || signature.length !== signatureLength) return false;
  const key = await crypto.subtle.importKey('raw', publicKey, ECDSA, true, ['verify']).catch(() => null);
  return key !== null && crypto.subtle.verify(ECDSA_SHA256, key, signature, data);
}

// ---------------------------------------------------------------------------------------------------------- ECDH

/** The encryption key pair of a device, for HPKE. */
export async function generateEncryptionKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ECDH, false, ['deriveBits']);
}

/** null for what is no point of the curve. */
export async function importEncryptionKey(publicKey: Bytes): Promise<CryptoKey | null> {
  if (!isUncompressed(publicKey)) return null;
  return crypto.subtle.importKey('raw', publicKey, ECDH, true, []).catch(() => null);
}

/** The uncompressed point, 65 bytes. */
export async function exportPublicKey(key: CryptoKey): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.exportKey('raw', key));
}

/** Compressed points would give one key two encodings. */
function isUncompressed(publicKey: Bytes): boolean {
  return publicKey.length === publicKeyLength && publicKey[0] === 4;
}
