/**
 * Makes the golden room: three members, a join by link, an add, a removal, three epochs, messages of each and an
 * attachment, with every key written down. It was stored once as room-v1.json, which is never written again: every
 * later version has to read it. The tests also make one anew each time, so that this file and the format agree.
 */
import { draftInvite, inviteCode, inviteLink, openInvite, prepareInvite, signJoin, toHex, utf8 } from '../../src/crypto/index.ts';
import type { AccountKeys, MessageType, OuterEvent } from '../../src/crypto/index.ts';
import { bundleInfo } from '../../src/crypto/epochs.ts';
import { hpkeOpen } from '../../src/crypto/hpke.ts';
import { accountOf, makePerson } from '../support/given-keys.ts';
import type { GivenPerson } from '../support/given-keys.ts';
import { Room, must, unwrap } from '../support/world.ts';

/** Bytes are hex throughout. */
export interface GoldenRoom {
  format: 'porcupine/v1';
  people: GivenPerson[];
  fingerprints: string[];
  listHashes: string[];
  room: string;
  log: { seq: number; entry: string; hash: string }[];
  invite: { secret: string; link: string; code: string; codeHash: string; privateKey: string; sealed: string };
  epochs: GoldenEpoch[];
  messages: GoldenMessage[];
}

export interface GoldenEpoch {
  epoch: number;
  secret: string;
  commit: string;
  bundlesHash: string;
  bundles: { user: string; device: string; encryptionKey: string; seal: string }[];
}

export interface GoldenMessage {
  seq: number;
  sender: string;
  device: string;
  clientId: string;
  epoch: number;
  type: MessageType;
  content: string;
  body: string;
  hash: string;
}

export async function makeGoldenRoom(): Promise<GoldenRoom> {
  const people = [await makePerson('1', '11'), await makePerson('2', '22'), await makePerson('3', '33')];
  const [ada, ben, cleo] = (await Promise.all(people.map(accountOf))) as [AccountKeys, AccountKeys, AccountKeys];
  const room = await Room.begin(ada);
  const told: { event: OuterEvent; type: MessageType; content: string }[] = [];
  const say = async (sender: AccountKeys, text: string, type: MessageType = 'text'): Promise<void> => {
    told.push({ event: await room.send(sender, text, { type }), type, content: toHex(utf8(text)) });
  };

  await say(ada, 'Is anybody there?');
  const draft = await draftInvite();
  const { entry, sealed } = await prepareInvite(await room.state(), ada, draft, 1);
  room.append(entry);
  const { code, codeHash } = await inviteCode(draft.secret);
  const content = unwrap(await openInvite(draft.secret, sealed));
  room.append(await signJoin(await room.state(), ben, content, codeHash));
  await room.advance(ada, [{ op: 'add', list: cleo.list }]);
  await say(ben, 'Grüße 👋');
  await say(cleo, 'x'.repeat(200));
  await say(ben, '');
  await room.advance(ada, [{ op: 'remove', user: '3' }]);
  await say(ben, 'An attachment’s key and place go here.', 'attachment');

  const state = await room.state();
  return {
    format: 'porcupine/v1',
    people,
    fingerprints: [ada, ben, cleo].map(({ list }) => toHex(list.fingerprint)),
    listHashes: [ada, ben, cleo].map(({ list }) => toHex(list.hash)),
    room: toHex(state.room),
    log: room.entries.map(({ bytes, seq }, i) => ({ seq, entry: toHex(bytes), hash: toHex(must(state.links[i]).hash) })),
    invite: {
      secret: toHex(draft.secret),
      link: inviteLink('https://chat.example', draft.secret),
      code,
      codeHash: toHex(codeHash),
      privateKey: toHex(draft.privateKey),
      sealed: toHex(sealed),
    },
    epochs: await Promise.all(state.epochs.map(({ epoch }) => goldenEpoch(room, ada, epoch))),
    messages: await Promise.all(
      told.map(async ({ event, type, content: text }) => {
        const opened = await room.open(ada, event);
        if (!opened.ok) throw new Error(opened.reason);
        const { body, ...outer } = event;
        return { ...outer, type, content: text, body: toHex(body), hash: toHex(opened.message.link.hash) };
      }),
    ),
  };
}

async function goldenEpoch(room: Room, reader: AccountKeys, epoch: number): Promise<GoldenEpoch> {
  const state = await room.state();
  const { previous, sender, commit, bundlesHash } = must(state.epochs[epoch]);
  const info = bundleInfo({ room: state.room, epoch, previous, sender }, reader);
  const secret = must(await hpkeOpen(reader.encryption, info, room.bundleFor(reader, epoch)));
  const bundles = must(room.bundles.get(epoch)).map(({ user, device, encryptionKey, seal }) => ({
    user,
    device,
    encryptionKey: toHex(encryptionKey),
    seal: toHex(seal),
  }));
  return { epoch, secret: toHex(secret), commit: toHex(commit), bundlesHash: toHex(bundlesHash), bundles };
}
