// What a server can try with messages and epochs, and that each attempt is seen and named.
import { beforeAll, describe, expect, it } from 'vitest';
import {
  createAccountKeys,
  maxContent,
  openEpoch,
  openMessage,
  prepareEpoch,
  sealMessage,
  signChange,
  toHex,
  utf8,
} from '../src/crypto/index.ts';
import type { AccountKeys, Bytes, ChainLink, MessageType, OpenResult, OuterEvent } from '../src/crypto/index.ts';
import { concat } from '../src/crypto/encoding.ts';
import { encodeEnvelope, parseEnvelope } from '../src/crypto/envelope.ts';
import type { Envelope } from '../src/crypto/envelope.ts';
import { hash, sign } from '../src/crypto/subtle.ts';
import { Room, must, threeAccounts, unwrap } from './support/world.ts';

let ada: AccountKeys;
let ben: AccountKeys;
let cleo: AccountKeys;
let room: Room;

/** Ada, Ben and Cleo in epoch 1. */
beforeAll(async () => {
  [ada, ben, cleo] = await threeAccounts();
  room = await threeInARoom();
});

async function threeInARoom(): Promise<Room> {
  const made = await Room.begin(ada);
  await made.advance(ada, [
    { op: 'add', list: ben.list },
    { op: 'add', list: cleo.list },
  ]);
  return made;
}

function reasonOf(result: OpenResult): string {
  return result.ok ? 'ok' : result.reason;
}

function linkOf(result: OpenResult): ChainLink {
  return must(result.ok ? result.message.link : result.link);
}

function envelopeOf(event: OuterEvent): Envelope {
  const envelope = parseEnvelope(event.body);
  if (typeof envelope === 'string') throw new Error(envelope);
  return envelope;
}

function withEnvelope(event: OuterEvent, change: Partial<Envelope>): OuterEvent {
  return { ...event, body: encodeEnvelope({ ...envelopeOf(event), ...change }) };
}

function flipped(bytes: Bytes, at: number): Bytes {
  const changed = bytes.slice();
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}

describe('a server that changes what it says about a message', () => {
  it.each<[string, Partial<OuterEvent>, string]>([
    ['another sender', { sender: '3' }, 'wrong_sender'],
    ['another device', { device: '33' }, 'wrong_sender'],
    ['another client id', { clientId: '00000000-0000-4000-8000-000000000000' }, 'wrong_client_id'],
    ['another epoch', { epoch: 0 }, 'wrong_epoch'],
  ])('%s', async (_, change, reason) => {
    const event = await room.send(ben, 'hello');
    expect(reasonOf(await room.open(ada, { ...event, ...change }))).toBe(reason);
  });

  it('another room', async () => {
    const event = await room.send(ben, 'hello');
    const other = await threeInARoom();
    expect(reasonOf(await other.open(ada, event))).toBe('wrong_room');
  });

  it('another place: before the epoch that it uses, or after the next', async () => {
    const own = await threeInARoom();
    const event = await own.send(ben, 'hello');
    expect(reasonOf(await own.open(ada, { ...event, seq: 2 }))).toBe('epoch_not_in_force');
    await own.advance(ada);
    expect(reasonOf(await own.open(ada, event))).toBe('ok');
    expect(reasonOf(await own.open(ada, { ...event, seq: 1000 }))).toBe('epoch_not_in_force');
  });

  it('the order within its epoch, before the log entry that its sender knew', async () => {
    const own = await threeInARoom();
    const early = await own.send(ada, 'first');
    own.append(await signChange(await own.state(), ada, { op: 'role', user: '2', role: 'admin' }));
    const late = await own.send(ben, 'as an admin');
    expect(reasonOf(await own.open(ada, late))).toBe('ok');
    expect(reasonOf(await own.open(ada, { ...late, seq: early.seq }))).toBe('wrong_log_head');
  });
});

describe('a server that changes a message', () => {
  it('is found out whichever byte it is', async () => {
    const event = await room.send(ben, 'hello');
    for (let at = 0; at < event.body.length; at += 3) {
      expect(reasonOf(await room.open(ada, { ...event, body: flipped(event.body, at) }))).not.toBe('ok');
    }
    expect(reasonOf(await room.open(ada, { ...event, body: event.body.slice(0, -1) }))).toBe('malformed');
    expect(reasonOf(await room.open(ada, { ...event, body: concat(event.body, new Uint8Array(1)) }))).toBe('malformed');
  });

  it('cannot alter ciphertext, commitment or signature', async () => {
    const event = await room.send(ben, 'hello');
    const { ciphertext, commitment, signature } = envelopeOf(event);
    for (const change of [
      { ciphertext: flipped(ciphertext, 0) },
      { commitment: flipped(commitment, 31) },
      { signature: flipped(signature, 63) },
    ]) {
      expect(reasonOf(await room.open(ada, withEnvelope(event, change)))).toBe('bad_signature');
    }
  });

  it('of a later version: says that this client is too old', async () => {
    const event = await room.send(ben, 'hello');
    expect(reasonOf(await room.open(ada, { ...event, body: concat(Uint8Array.of(2), event.body.slice(1)) }))).toBe('unsupported');
  });
});

describe('a member who cheats', () => {
  /** Signed anew by Ben, as only Ben can. */
  async function signedAnew(event: OuterEvent, change: Partial<Envelope>): Promise<OuterEvent> {
    const envelope = { ...envelopeOf(event), ...change };
    const ciphertextHash = await hash('ciphertext', envelope.ciphertext);
    const { headerBytes, commitment } = envelope;
    const signature = await sign(ben.signing.privateKey, 'message', headerBytes, commitment, ciphertextHash);
    return withEnvelope(event, { ...envelope, signature });
  }

  it('with a commitment to another key', async () => {
    const event = await room.send(ben, 'hello');
    const bad = await signedAnew(event, { commitment: new Uint8Array(32) });
    const result = await room.open(ada, bad);
    expect(reasonOf(result)).toBe('bad_commitment');
    expect(linkOf(result)).toMatchObject({ epoch: 1 });
  });

  it('with a ciphertext of another key', async () => {
    const event = await room.send(ben, 'hello');
    const bad = await signedAnew(event, { ciphertext: flipped(envelopeOf(event).ciphertext, 5) });
    expect(reasonOf(await room.open(ada, bad))).toBe('cannot_decrypt');
  });

  it('or has a later version: a type that this one does not know, whose place in the chain still counts', async () => {
    const later = 'a later type' as string as MessageType;
    const result = await room.open(ada, await room.send(ben, 'hello', { type: later }));
    expect(result).toMatchObject({ ok: false, reason: 'unsupported', header: { type: 'unknown' } });
    expect(linkOf(result).hash).toHaveLength(32);
  });

  it('as somebody else', async () => {
    const asAda = await room.send(ben, 'I am Ada', { user: '1', device: '11' });
    expect(reasonOf(await room.open(cleo, { ...asAda, sender: '1', device: '11' }))).toBe('bad_signature');
  });

  it('who claims to have seen what is not there', async () => {
    const first = await room.send(ada, 'first');
    const seen = linkOf(await room.open(ben, first)).hash;
    const hashAt = (seq: number) => (seq === first.seq ? seen : undefined);
    const honest = await room.send(ben, 'yes', { seen: { seq: first.seq, hash: seen } });
    expect(reasonOf(await room.open(ada, honest, { hashAt }))).toBe('ok');
    const forked = await room.send(ben, 'no', { seen: { seq: first.seq, hash: new Uint8Array(32) } });
    expect(reasonOf(await room.open(ada, forked, { hashAt }))).toBe('forked');
    const future = await room.send(ben, 'later', { seen: { seq: 100_000, hash: seen } });
    expect(reasonOf(await room.open(ada, future, { hashAt }))).toBe('forked');
  });
});

describe('what was removed', () => {
  /** Ben's messages of one epoch, with their places in his chain. */
  async function chain(own: Room, count: number): Promise<{ event: OuterEvent; link: ChainLink }[]> {
    const said: { event: OuterEvent; link: ChainLink }[] = [];
    for (let number = 0; number < count; number += 1) {
      const event = await own.send(ben, `number ${number}`);
      said.push({ event, link: linkOf(await own.open(ada, event)) });
    }
    return said;
  }

  it('is the missing link of what comes behind it, as often as it is shown and no oftener', async () => {
    const own = await threeInARoom();
    const said = await chain(own, 4);
    const open = async (number: number, after: number, removed?: number) =>
      reasonOf(await own.open(ada, must(said[number]).event, { previous: { ...must(said[after]).link, ...(removed === undefined ? {} : { removed }) } }));
    expect(await open(2, 0)).toBe('gap');
    expect(await open(2, 0, 1)).toBe('ok');
    expect(await open(3, 0, 1)).toBe('gap');
    expect(await open(3, 0, 2)).toBe('ok');
    expect(await open(1, 0, 2)).toBe('ok');
    expect(await open(0, 2, 5)).toBe('replayed');
  });

  it('does not hide a chain that goes another way', async () => {
    const own = await threeInARoom();
    const [first] = await chain(own, 1);
    const forked = await own.send(ben, 'forked', { last: { ...must(first).link, hash: new Uint8Array(32) } });
    expect(reasonOf(await own.open(ada, forked, { previous: { ...must(first).link, removed: 3 } }))).toBe('broken_chain');
  });

  it('does not bridge two epochs, where nobody can count what is missing', async () => {
    const own = await threeInARoom();
    const [first] = await chain(own, 2);
    await own.advance(ada);
    const next = await own.send(ben, 'in the next epoch');
    expect(reasonOf(await own.open(ada, next, { previous: { ...must(first).link, removed: 3 } }))).toBe('gap');
  });
});

describe('strangers', () => {
  it('a ghost that the server invents is no member', async () => {
    const ghost = await createAccountKeys('4', '44');
    const event = await room.send(ada, 'boo', { user: '4', device: '44', signingKey: ghost.signing.privateKey });
    expect(reasonOf(await room.open(ben, event))).toBe('unknown_device');
  });

  it('a device that the server swaps in under a member’s name is not on the list', async () => {
    const swapped = await createAccountKeys('2', '22');
    const event = await room.send(ben, 'boo', { signingKey: swapped.signing.privateKey });
    expect(reasonOf(await room.open(ada, event))).toBe('bad_signature');
    const second = await room.send(ben, 'boo', { device: '29', signingKey: swapped.signing.privateKey });
    expect(reasonOf(await room.open(ada, second))).toBe('unknown_device');
  });

  it('a removed member is refused even where the server still takes the message', async () => {
    const own = await threeInARoom();
    const before = await own.state();
    own.append(await signChange(before, ada, { op: 'remove', user: '2' }));
    const late = await own.send(ben, 'still here', { logHead: before.head });
    expect(reasonOf(await own.open(ada, late))).toBe('removed');
    expect(reasonOf(await own.open(ada, await own.send(ben, 'and here')))).toBe('unknown_device');
  });

  it('a log head that nobody knows is named as such', async () => {
    const event = await room.send(ben, 'elsewhere', { logHead: new Uint8Array(32).fill(7) });
    expect(reasonOf(await room.open(ada, event))).toBe('unknown_log_head');
  });
});

describe('counter and chain', () => {
  it('show a message that was dropped, replayed or reordered', async () => {
    const own = await threeInARoom();
    const [one, two, three] = [await own.send(ben, '1'), await own.send(ben, '2'), await own.send(ben, '3')];
    const first = linkOf(await own.open(ada, one, { previous: null }));
    const second = linkOf(await own.open(ada, two, { previous: first }));
    expect(reasonOf(await own.open(ada, three, { previous: second }))).toBe('ok');
    expect(reasonOf(await own.open(ada, three, { previous: first }))).toBe('gap');
    expect(reasonOf(await own.open(ada, two, { previous: null }))).toBe('gap');
    expect(reasonOf(await own.open(ada, one, { previous: second }))).toBe('replayed');
    const copy = { ...two, seq: 1000 };
    const replay = await own.open(ada, copy, { previous: second });
    expect(replay).toMatchObject({ ok: false, reason: 'replayed' });
    expect(replay).not.toHaveProperty('link');
  });

  it('show a device that tells two stories under one counter', async () => {
    const own = await threeInARoom();
    const one = await own.send(ben, '1');
    const first = linkOf(await own.open(ada, one, { previous: null }));
    const last = { ...first, hash: new Uint8Array(32).fill(1) };
    const event = await own.send(ben, '2', { last });
    expect(reasonOf(await own.open(ada, event, { previous: first }))).toBe('broken_chain');
  });

  it('show that the end of the epoch before is missing', async () => {
    const own = await threeInARoom();
    const first = linkOf(await own.open(ada, await own.send(ben, '1'), { previous: null }));
    const second = linkOf(await own.open(ada, await own.send(ben, '2'), { previous: first }));
    await own.advance(ada);
    const next = await own.send(ben, '3');
    expect(reasonOf(await own.open(ada, next, { previous: second }))).toBe('ok');
    expect(reasonOf(await own.open(ada, next, { previous: first }))).toBe('gap');
  });
});

describe('epochs', () => {
  it('open for the device that they were sealed to, and for nobody else', async () => {
    const state = await room.state();
    expect(unwrap(await openEpoch(state, ben, 1, room.bundleFor(ben, 1))).epochKey.epoch).toBe(1);
    expect(await openEpoch(state, ben, 1, room.bundleFor(cleo, 1))).toEqual({ ok: false, reason: 'cannot_open' });
    expect(await openEpoch(state, ada, 1, room.bundleFor(ada, 0))).toEqual({ ok: false, reason: 'cannot_open' });
    expect(await openEpoch(state, ada, 2, room.bundleFor(ada, 1))).toEqual({ ok: false, reason: 'unknown_epoch' });
    expect(await openEpoch(state, ada, 1, new Uint8Array(5))).toEqual({ ok: false, reason: 'cannot_open' });
  });

  it('of another room do not open here', async () => {
    const other = await threeInARoom();
    const moved = await openEpoch(await room.state(), ben, 1, other.bundleFor(ben, 1));
    expect(moved).toEqual({ ok: false, reason: 'cannot_open' });
  });

  it('that lost the race do not open under the one that won', async () => {
    const own = await threeInARoom();
    const state = await own.state();
    const [won, lost] = [await prepareEpoch(state, ada), await prepareEpoch(state, ada)];
    own.commit(won);
    const bundle = must(lost.bundles.find(({ device }) => device === '22')).seal;
    expect(await openEpoch(await own.state(), ben, 2, bundle)).toEqual({ ok: false, reason: 'bad_commit' });
  });

  it('leave out whom the server has removed', async () => {
    const prepared = await prepareEpoch(await room.state(), ada, [], ['3']);
    expect(prepared.bundles.map(({ device }) => device)).toEqual(['11', '22']);
    expect(prepared.bundles.map(({ seal }) => seal.length)).toEqual([113, 113]);
  });

  it('do not give away what earlier ones held', async () => {
    const own = await threeInARoom();
    const event = await own.send(ada, 'before');
    await own.advance(ada);
    const later = await own.epochKey(ben, 2);
    const log = await own.state();
    expect(reasonOf(await openMessage(event, { log, epochKey: later, previous: undefined }))).toBe('no_key');
    const renamed = { ...later, epoch: 1 };
    expect(reasonOf(await openMessage(event, { log, epochKey: renamed, previous: undefined }))).toBe('bad_commitment');
  });
});

describe('what travels', () => {
  it('has one of few sizes, never the same bytes twice, and nothing of the content', async () => {
    const [short, long] = [await room.draft(ada, 'yes'), await room.draft(ada, 'x'.repeat(100))];
    const bodies = [await sealMessage(short), await sealMessage(short), await sealMessage(long)].map(({ body }) => body);
    expect(new Set(bodies.map(({ length }) => length)).size).toBe(1);
    expect(toHex(must(bodies[0]))).not.toBe(toHex(must(bodies[1])));
    expect(bodies.map(toHex).join()).not.toContain(toHex(utf8('x'.repeat(8))));
  });

  it('fits the server’s limit at the longest content', async () => {
    const draft = await room.draft(ada, '');
    const { body } = await sealMessage({ ...draft, content: new Uint8Array(maxContent) });
    expect(body.length).toBeLessThanOrEqual(65_536);
    await expect(sealMessage({ ...draft, content: new Uint8Array(maxContent + 1) })).rejects.toThrow(RangeError);
    await expect(sealMessage({ ...draft, clientId: 'no uuid' })).rejects.toThrow(RangeError);
  });
});
