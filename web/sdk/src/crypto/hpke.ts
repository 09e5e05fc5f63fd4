/**
 * HPKE (RFC 9180), base mode, in the one suite of the protocol: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256,
 * AES-256-GCM. The library @hpke/core does the work; this file fixes its parameters and the form of a seal:
 * encapsulated key (65 bytes), then ciphertext and tag.
 */
import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from '@hpke/core';
import { concat } from './encoding.ts';
import { importEncryptionKey, publicKeyLength, tagLength } from './subtle.ts';
import type { Bytes } from './types.ts';

/** How many bytes a seal is longer than what it holds. */
export const sealOverhead = publicKeyLength + tagLength;

const suite = new CipherSuite({
  kem: new DhkemP256HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

/** Seals to the owner of a public key (65 bytes), with a fresh encapsulation. */
export async function hpkeSeal(recipient: Bytes, info: Bytes, plain: Bytes): Promise<Bytes> {
  const recipientPublicKey = await importEncryptionKey(recipient);
  if (recipientPublicKey === null) throw new RangeError('the recipient’s key is no point of the curve');
  const { enc, ct } = await suite.seal({ recipientPublicKey, info }, plain);
  return concat(new Uint8Array(enc), new Uint8Array(ct));
}

/** null when it was not sealed to this key with this info, or was changed. */
export async function hpkeOpen(recipient: CryptoKeyPair, info: Bytes, sealed: Bytes): Promise<Bytes | null> {
  if (sealed.length < sealOverhead) return null;
  const enc = sealed.slice(0, publicKeyLength);
  return suite.open({ recipientKey: recipient, enc, info }, sealed.slice(publicKeyLength)).then(
    (plain) => new Uint8Array(plain),
    () => null,
  );
}
