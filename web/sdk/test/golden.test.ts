// A room written down byte for byte: it must still be read, and what is not random must come out the same again.
// To write the file of a new format version: PORCUPINE_GOLDEN=write npx vitest run sdk/test/golden (never overwrites).
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { foldLog, inviteCode, openEpoch, openInvite, openMessage, parseInviteLink, toHex } from '../src/crypto/index.ts';
import type { AccountKeys, Bytes, ChainLink, EpochKey, LogState, MessageHeader } from '../src/crypto/index.ts';
import { parseSignedEntry, signEntry } from '../src/crypto/entry.ts';
import { commitmentOf, hashBundles } from '../src/crypto/epochs.ts';
import { signDeviceList } from '../src/crypto/keys.ts';
import { sealWithSalt } from '../src/crypto/message.ts';
import { importHkdfKey, signatureLength } from '../src/crypto/subtle.ts';
import { makeGoldenRoom } from './golden/make.ts';
import type { GoldenMessage, GoldenRoom } from './golden/make.ts';
import { accountOf } from './support/given-keys.ts';
import { hex, must, unwrap } from './support/world.ts';

const path = fileURLToPath(new URL('./golden/room-v1.json', import.meta.url));
if (process.env['PORCUPINE_GOLDEN'] === 'write' && !existsSync(path)) {
  writeFileSync(path, `${JSON.stringify(await makeGoldenRoom(), null, 1)}\n`);
}

describe.each([
  ['room-v1.json', () => JSON.parse(readFileSync(path, 'utf8')) as GoldenRoom],
  ['a room made now', makeGoldenRoom],
])('%s', (_, load) => {
  const golden = Promise.resolve(load());

  it('names accounts and devices by the same hashes, and signs the same list', async () => {
    const { people, fingerprints, listHashes } = await golden;
    for (const [i, person] of people.entries()) {
      const { list } = await accountOf(person);
      expect([toHex(list.fingerprint), toHex(list.hash)]).toEqual([fingerprints[i], listHashes[i]]);
      const again = await signDeviceList(hex(person.identityPkcs8), list);
      expect(unsigned(again)).toBe(unsigned(hex(person.list)));
    }
  });

  it('folds to the same room', async () => {
    const { log, room, epochs } = await golden;
    const state = await fold(await golden);
    expect(toHex(state.room)).toBe(room);
    expect(state.links.map(({ hash }) => toHex(hash))).toEqual(log.map(({ hash }) => hash));
    expect(state.ignored).toEqual([]);
    expect([...state.members.values()].map(({ user, role, via }) => [user, role, via.op])).toEqual([
      ['1', 'owner', 'create'],
      ['2', 'member', 'join'],
    ]);
    expect(state.spans.filter(({ until }) => until !== null).map(({ member }) => member.user)).toEqual(['3']);
    expect(state.epochs.map(({ commit }) => toHex(commit))).toEqual(epochs.map(({ commit }) => commit));
  });

  it('writes the same entries', async () => {
    const [ada] = await accounts(await golden);
    for (const { entry } of (await golden).log) {
      const again = await signEntry(must(parseSignedEntry(hex(entry))).entry, ada.signing.privateKey);
      expect(unsigned(again)).toBe(unsigned(hex(entry)));
    }
  });

  it('opens every bundle, and commits to the same secret', async () => {
    const state = await fold(await golden);
    const people = await accounts(await golden);
    const room = hex((await golden).room);
    for (const { epoch, secret, commit, bundlesHash, bundles } of (await golden).epochs) {
      const epochKey = { room, epoch, key: await importHkdfKey(hex(secret)) };
      expect(toHex(await commitmentOf(epochKey))).toBe(commit);
      const parsed = bundles.map(({ encryptionKey, seal, ...device }) => ({
        ...device,
        encryptionKey: hex(encryptionKey),
        seal: hex(seal),
      }));
      expect(toHex(await hashBundles(parsed))).toBe(bundlesHash);
      for (const { user, seal } of parsed) {
        const keys = must(people.find((person) => person.user === user));
        const opened = unwrap(await openEpoch(state, keys, epoch, seal));
        expect(toHex(await commitmentOf(opened.epochKey))).toBe(commit);
      }
    }
  });

  it('reads the invite', async () => {
    const { invite, room, fingerprints, log } = await golden;
    expect(parseInviteLink(invite.link)).toEqual(hex(invite.secret));
    const { code, codeHash } = await inviteCode(hex(invite.secret));
    expect([code, toHex(codeHash)]).toEqual([invite.code, invite.codeHash]);
    const content = unwrap(await openInvite(hex(invite.secret), hex(invite.sealed)));
    expect(toHex(content.privateKey)).toBe(invite.privateKey);
    expect(toHex(content.room)).toBe(room);
    expect(toHex(content.head)).toBe(log[content.index]?.hash);
    expect([content.inviter.user, toHex(content.inviter.fingerprint)]).toEqual(['1', fingerprints[0]]);
  });

  it('reads every message in its chain, and seals the same bytes again', async () => {
    const state = await fold(await golden);
    const people = await accounts(await golden);
    const last = new Map<string, ChainLink>();
    for (const message of (await golden).messages) {
      const epochKey = await epochKeyOf(await golden, message.epoch);
      const { type, content, hash, body, ...outer } = message;
      const previous = last.get(message.device) ?? null;
      const opened = await openMessage({ ...outer, body: hex(body) }, { log: state, epochKey, previous });
      if (!opened.ok) throw new Error(opened.reason);
      const { header, link } = opened.message;
      expect([toHex(opened.message.content), header.type, toHex(link.hash)]).toEqual([content, type, hash]);
      last.set(message.device, link);

      const sender = must(people.find(({ user }) => user === message.sender));
      const again = await sealAgain(message, header, epochKey, sender, previous);
      expect(unsigned(again.body)).toBe(unsigned(hex(body)));
      expect(again.link).toEqual(link);
    }
  });
});

async function sealAgain(
  message: GoldenMessage,
  header: MessageHeader,
  epochKey: EpochKey,
  sender: AccountKeys,
  last: ChainLink | null,
) {
  const { logHead, user, device, clientId, seen, salt } = header;
  const { type } = message;
  const signingKey = sender.signing.privateKey;
  const content = hex(message.content);
  return sealWithSalt({ epochKey, logHead, user, device, signingKey, last, clientId, seen, type, content }, salt);
}

async function fold(golden: GoldenRoom): Promise<LogState> {
  const entries = golden.log.map(({ entry, seq }) => ({ bytes: hex(entry), seq }));
  const result = await foldLog(null, entries, hex(golden.room));
  if (!result.ok) throw new Error(result.reason);
  return result.state;
}

async function accounts(golden: GoldenRoom): Promise<[AccountKeys, AccountKeys, AccountKeys]> {
  return (await Promise.all(golden.people.map(accountOf))) as [AccountKeys, AccountKeys, AccountKeys];
}

async function epochKeyOf(golden: GoldenRoom, epoch: number): Promise<EpochKey> {
  return { room: hex(golden.room), epoch, key: await importHkdfKey(hex(must(golden.epochs[epoch]).secret)) };
}

/** Everything but the signature, which is random. */
function unsigned(bytes: Bytes): string {
  return toHex(bytes.slice(0, -signatureLength));
}
