/**
 * A member who is not honest, at an honest server: whatever entries they write, the room of the others goes on,
 * and who wrote them is shown.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stack } from '../../e2e/support/stack.ts';
import {
  createAccountKeys,
  currentEpoch,
  fromBase64,
  inviteCode,
  openInvite,
  parseInviteLink,
  signJoin,
  toBase64,
  toHex,
} from '../src/crypto/index.ts';
import { subjectOf } from '../src/crypto/controllog.ts';
import { signEntry } from '../src/crypto/entry.ts';
import { Person, until } from './person.ts';

let stack: Stack;
let alice: Person;
let bob: Person;
let room: string;
let link: string;

beforeAll(async () => {
  stack = await Stack.prepare('sdk-dishonest');
  await stack.verb('up');
  [alice, bob] = await Promise.all([Person.register(stack.origin, 'Alice'), Person.register(stack.origin, 'Bob')]);
  room = (await alice.client.createRoom('Trust')).id;
  link = await alice.client.createInvite(room, { expiresIn: 3600, maxUses: null });
  await bob.client.joinByLink(link);
  await bob.inside(room);
});

afterAll(async () => {
  await Person.closeAll();
  await stack.remove();
});

test('an entry for another history stops nothing and names its signer, also after a reload', async () => {
  const { log, keys } = await bob.insides(room);
  const entry = await signEntry(
    {
      room: log.room,
      index: log.length,
      previous: new Uint8Array(32),
      subject: subjectOf(keys.list),
      actor: { user: keys.user, device: keys.device },
      epoch: currentEpoch(log),
      payload: { op: 'leave' },
    },
    keys.signing.privateKey,
  );
  await bob.ask(`rooms/${room}/log/`, { index: log.length, entry: toBase64(entry) });
  const warned = () => alice.room(room).view().warnings.some((words) => words.includes('Bob'));
  await until(warned);
  await alice.room(room).send('we go on');
  await bob.reads(room, 'we go on');
  await alice.restart();
  await until(warned);
  expect(alice.room(room).view()).toMatchObject({ state: 'ready', fault: null });
});

test('a join that somebody forged for a stranger poisons neither this room nor the next', async () => {
  const carol = await Person.register(stack.origin, 'Carol');
  const secret = parseInviteLink(link) ?? new Uint8Array();
  const { codeHash } = await inviteCode(secret);
  const { sealed } = (await bob.ask(`invites/${toHex(codeHash)}/`)) as { sealed: string };
  const opened = await openInvite(secret, fromBase64(sealed) ?? new Uint8Array());
  if (!opened.ok) {
    throw new Error(opened.reason);
  }
  const { log } = await bob.insides(room);
  const forged = await createAccountKeys(carol.id, crypto.randomUUID());
  const entry = await signJoin(log, forged, opened.value, codeHash);
  await bob.ask(`rooms/${room}/log/`, { index: log.length, entry: toBase64(entry) });
  await alice.room(room).send('nobody new here');
  await bob.reads(room, 'nobody new here');

  const other = await alice.client.createRoom('Other');
  await carol.client.joinByLink(await alice.client.createInvite(other.id, { expiresIn: 3600, maxUses: 1 }));
  await carol.inside(other.id);
  await alice.room(other.id).send('hello Carol');
  await carol.reads(other.id, 'hello Carol');
  expect(alice.room(other.id).view()).toMatchObject({ state: 'ready', fault: null, warnings: [] });
  expect(alice.room(room).view()).toMatchObject({ state: 'ready', fault: null });
});
