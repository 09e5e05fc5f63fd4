// Account and device keys: what rests, what is signed, and what a server that shows other keys achieves.
import { describe, expect, it } from 'vitest';
import { checkPin, createAccountKeys, openDeviceList, openLocal, sealLocal, toHex, utf8 } from '../src/crypto/index.ts';
import type { AccountKeys, Bytes, DeviceList, DeviceRecord, Pin } from '../src/crypto/index.ts';
import { makeDeviceRecord, signDeviceList, unsealIdentity } from '../src/crypto/keys.ts';
import { generateEncryptionKeys, generateSigningKeys } from '../src/crypto/subtle.ts';
import { must, unwrap } from './support/world.ts';

/** The next version of an account's list, as its first device would make it. */
async function nextList(keys: AccountKeys, last: DeviceList, devices: DeviceRecord[]): Promise<DeviceList> {
  const pkcs8 = must(await unsealIdentity(keys));
  const { user, identity, version, hash } = last;
  const bytes = await signDeviceList(pkcs8, { user, identity, version: version + 1, previous: hash, devices });
  return unwrap(await openDeviceList(bytes, user));
}

async function secondDevice(keys: AccountKeys, device: string): Promise<DeviceRecord> {
  const [signing, encryption] = await Promise.all([generateSigningKeys(), generateEncryptionKeys()]);
  return makeDeviceRecord({ user: keys.user, identity: keys.list.identity, device, signing, encryption });
}

function pinOf(list: DeviceList): Pin {
  return unwrap(checkPin(list, undefined));
}

function flipped(bytes: Bytes, at: number): Bytes {
  const changed = bytes.slice();
  const index = at < 0 ? bytes.length + at : at;
  changed[index] = (changed[index] ?? 0) ^ 1;
  return changed;
}

describe('a device list', () => {
  it('names at most ten devices: each costs every member a seal in every epoch', async () => {
    const keys = await createAccountKeys('7', '70');
    const further = await Promise.all(Array.from({ length: 10 }, (_, at) => secondDevice(keys, `71${at}`)));
    const own = keys.list.devices;
    expect((await nextList(keys, keys.list, [...own, ...further.slice(1)])).devices).toHaveLength(10);
    await expect(nextList(keys, keys.list, [...own, ...further])).rejects.toThrow('malformed');
  });
});

describe('the keys of a new account', () => {
  it('cannot be exported, and survive structured clone', async () => {
    const keys = await createAccountKeys('7', '70');
    const privateKeys = [keys.storageKey, keys.signing.privateKey, keys.encryption.privateKey];
    expect(privateKeys.map(({ extractable }) => extractable)).toEqual([false, false, false]);
    const clone = structuredClone(keys);
    expect(await unsealIdentity(clone)).toEqual(await unsealIdentity(keys));
    expect(unwrap(await openDeviceList(clone.list.bytes, '7')).hash).toEqual(keys.list.hash);
  });

  it('hold the identity key sealed: no PKCS#8 stands in them in the clear', async () => {
    const keys = await createAccountKeys('7', '70');
    // RFC 5208 and 5915: 36 bytes of structure, then the private number; the public key stands behind it
    const privateNumber = toHex(must(await unsealIdentity(keys)).slice(36, 68));
    const rest = [keys.sealedIdentity, keys.record, keys.list.bytes].map(toHex).join();
    expect(rest).not.toContain(privateNumber);
    const stranger = await createAccountKeys('7', '70');
    expect(await unsealIdentity({ ...keys, storageKey: stranger.storageKey })).toBeNull();
    expect(await unsealIdentity({ ...keys, user: '8' })).toBeNull();
  });

  it('seal what rests on the device for one purpose', async () => {
    const { storageKey } = await createAccountKeys('7', '70');
    const sealed = await sealLocal(storageKey, 'outbox', utf8('draft'));
    expect(await openLocal(storageKey, 'outbox', sealed)).toEqual(utf8('draft'));
    expect(await openLocal(storageKey, 'invite', sealed)).toBeNull();
    expect(await openLocal(storageKey, 'outbox', flipped(sealed, 12))).toBeNull();
    expect(await openLocal(storageKey, 'outbox', sealed.slice(0, 20))).toBeNull();
  });
});

describe('a device list', () => {
  it('is refused when the server changes anything in it', async () => {
    const { list } = await createAccountKeys('7', '70');
    for (let at = 0; at < list.bytes.length; at += 7) {
      expect(await openDeviceList(flipped(list.bytes, at), '7')).toMatchObject({ ok: false });
    }
    expect(await openDeviceList(flipped(list.bytes, -1), '7')).toEqual({ ok: false, reason: 'bad_signature' });
    expect(await openDeviceList(list.bytes.slice(0, -1), '7')).toEqual({ ok: false, reason: 'malformed' });
    expect(await openDeviceList(list.bytes, '8')).toEqual({ ok: false, reason: 'wrong_user' });
  });

  it('is refused with a device that did not sign that it belongs to this account', async () => {
    const keys = await createAccountKeys('7', '70');
    const other = await createAccountKeys('8', '80');
    const foreign = must(other.list.devices[0]);
    const pkcs8 = must(await unsealIdentity(keys));
    const { user, identity, hash } = keys.list;
    const bytes = await signDeviceList(pkcs8, { user, identity, version: 2, previous: hash, devices: [foreign] });
    expect(await openDeviceList(bytes, '7')).toEqual({ ok: false, reason: 'bad_countersignature' });
  });

  it('is refused with a swapped encryption key', async () => {
    const keys = await createAccountKeys('7', '70');
    const ghost = await secondDevice(keys, '70');
    const own = must(keys.list.devices[0]);
    const pkcs8 = must(await unsealIdentity(keys));
    const devices = [{ ...own, encryptionKey: ghost.encryptionKey }];
    const bytes = await signDeviceList(pkcs8, { ...keys.list, version: 2, previous: keys.list.hash, devices });
    expect(await openDeviceList(bytes, '7')).toEqual({ ok: false, reason: 'bad_countersignature' });
  });

  it('names each device once, in order', async () => {
    const keys = await createAccountKeys('7', '70');
    const own = must(keys.list.devices[0]);
    const list = await nextList(keys, keys.list, [await secondDevice(keys, '9'), own, await secondDevice(keys, '100')]);
    expect(list.devices.map(({ device }) => device)).toEqual(['100', '70', '9']);
    const pkcs8 = must(await unsealIdentity(keys));
    const twice = await signDeviceList(pkcs8, { ...keys.list, version: 2, devices: [own, own] });
    expect(await openDeviceList(twice, '7')).toEqual({ ok: false, reason: 'malformed' });
  });
});

describe('a pin', () => {
  it('follows the list from version to version', async () => {
    const keys = await createAccountKeys('7', '70');
    const own = must(keys.list.devices[0]);
    const second = await nextList(keys, keys.list, [own, await secondDevice(keys, '71')]);
    const pin = pinOf(keys.list);
    expect(checkPin(keys.list, pin)).toEqual({ ok: true, value: pin });
    expect(unwrap(checkPin(second, pin)).version).toBe(2);
  });

  it('blocks another identity key', async () => {
    const [keys, ghost] = await Promise.all([createAccountKeys('7', '70'), createAccountKeys('7', '70')]);
    expect(checkPin(ghost.list, pinOf(keys.list))).toEqual({ ok: false, reason: 'identity_changed' });
  });

  it('refuses an older list, so that a revoked device does not come back', async () => {
    const keys = await createAccountKeys('7', '70');
    const second = await nextList(keys, keys.list, [await secondDevice(keys, '71')]);
    expect(checkPin(keys.list, pinOf(second))).toEqual({ ok: false, reason: 'older_version' });
  });

  it('refuses two lists of one version, and a successor of another', async () => {
    const keys = await createAccountKeys('7', '70');
    const own = must(keys.list.devices[0]);
    const [one, two] = [
      await nextList(keys, keys.list, [own, await secondDevice(keys, '71')]),
      await nextList(keys, keys.list, [own, await secondDevice(keys, '72')]),
    ];
    expect(checkPin(two, pinOf(one))).toEqual({ ok: false, reason: 'forked' });
    expect(checkPin(await nextList(keys, two, [own]), pinOf(one))).toEqual({ ok: false, reason: 'forked' });
  });

  it('asks for the versions between', async () => {
    const keys = await createAccountKeys('7', '70');
    const own = must(keys.list.devices[0]);
    const third = await nextList(keys, await nextList(keys, keys.list, [own]), [own]);
    expect(checkPin(third, pinOf(keys.list))).toEqual({ ok: false, reason: 'versions_missing' });
  });
});
