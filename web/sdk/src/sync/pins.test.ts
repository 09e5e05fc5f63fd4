/** Whose identity key is remembered, and what becomes of another one. */
import { expect, test } from 'vitest';
import { createAccountKeys, type AccountKeys, type LogState } from '../crypto/index.ts';
import { Store } from '../store/store.ts';
import type { SessionContext } from './context.ts';
import { MemberPins } from './pins.ts';

function logOf(...accounts: AccountKeys[]): LogState {
  const members = accounts.map(({ user, list }) => [user, { user, list }] as const);
  return { members: new Map(members) } as unknown as LogState;
}

async function bench() {
  const store = await Store.open(crypto.randomUUID());
  const context = { me: { user: 'me', device: 'd' }, store } as unknown as SessionContext;
  return { store, pins: () => new MemberPins(context) };
}

test('a key that only a log names is not remembered; the one that the server names too is', async () => {
  const { store, pins } = await bench();
  const [forged, real] = await Promise.all([createAccountKeys('carol', '1'), createAccountKeys('carol', '2')]);
  const poisoned = pins();
  await poisoned.check(logOf(forged), new Set(['bob']));
  expect(await store.pin('carol')).toBeUndefined();
  const other = pins();
  await other.check(logOf(real), new Set(['carol']));
  expect((await store.pin('carol'))?.fingerprint).toEqual(real.list.fingerprint);
  expect([...other.differing]).toEqual([]);
});

test('another key than the remembered one sets that member apart and nobody else', async () => {
  const { store, pins } = await bench();
  const [real, forged, bob] = await Promise.all([
    createAccountKeys('carol', '1'),
    createAccountKeys('carol', '2'),
    createAccountKeys('bob', '3'),
  ]);
  await pins().check(logOf(real), new Set(['carol']));
  const room = pins();
  await room.check(logOf(forged, bob), new Set(['carol', 'bob']));
  expect([...room.differing]).toEqual(['carol']);
  expect((await store.pin('carol'))?.fingerprint).toEqual(real.list.fingerprint);
  await room.check(logOf(bob), new Set(['bob']));
  expect([...room.differing]).toEqual([]);
});

test('a list of which versions between are not known is not another key', async () => {
  const { store, pins } = await bench();
  const real = await createAccountKeys('carol', '1');
  await pins().check(logOf(real), new Set(['carol']));
  const later = { ...real, list: { ...real.list, version: 5, hash: new Uint8Array(32) } };
  const room = pins();
  await room.check(logOf(later), new Set(['carol']));
  expect([...room.differing]).toEqual([]);
  expect((await store.pin('carol'))?.version).toBe(1);
});
