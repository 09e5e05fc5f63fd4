// Membership by the control log alone: who may do what, and what entries that break a rule do not do.
import { beforeAll, describe, expect, it } from 'vitest';
import {
  RefusedChange,
  createAccountKeys,
  draftInvite,
  foldLog,
  inviteCode,
  openDeviceList,
  openInvite,
  parseEntry,
  prepareEpoch,
  prepareInvite,
  recipientsOf,
  signChange,
  signJoin,
  toHex,
} from '../src/crypto/index.ts';
import type {
  AccountKeys,
  Bytes,
  Entry,
  EntryPayload,
  IgnoredEntry,
  InviteContent,
  LoggedEntry,
  LogState,
} from '../src/crypto/index.ts';
import { currentEpoch, nextEpoch, subjectOf } from '../src/crypto/controllog.ts';
import { signEntry } from '../src/crypto/entry.ts';
import { makeDeviceRecord, signDeviceList, unsealIdentity } from '../src/crypto/keys.ts';
import { generateEncryptionKeys, generateSigningKeys } from '../src/crypto/subtle.ts';
import { Room, must, threeAccounts, unwrap } from './support/world.ts';

let ada: AccountKeys;
let ben: AccountKeys;
let cleo: AccountKeys;

beforeAll(async () => {
  [ada, ben, cleo] = await threeAccounts();
});

/** An entry as a client without rules would write it. */
async function forge(
  state: LogState,
  actor: AccountKeys,
  payload: EntryPayload,
  change: Partial<Entry> = {},
): Promise<Bytes> {
  const entry: Entry = {
    room: state.room,
    index: state.length,
    previous: state.head,
    subject: subjectOf(actor.list),
    actor: { user: actor.user, device: actor.device },
    epoch: payload.op === 'rotate' ? nextEpoch(state) : currentEpoch(state),
    payload,
    ...change,
  };
  return signEntry(entry, actor.signing.privateKey);
}

/** The entries of a log that had no effect. */
async function strays(entries: readonly LoggedEntry[]): Promise<IgnoredEntry[]> {
  const result = await foldLog(null, entries);
  return result.ok ? result.state.ignored : [];
}

/** What becomes of one more entry: the reason why it is ignored, or null. */
async function verdict(room: Room, bytes: Bytes): Promise<string | null> {
  const before = await room.state();
  const result = await foldLog(before, [{ bytes, seq: 1000 }]);
  if (!result.ok) return result.reason;
  const ignored = result.state.ignored.at(-1);
  return ignored?.index === before.length ? ignored.reason : null;
}

async function roomOfTwo(): Promise<Room> {
  const room = await Room.begin(ada);
  await room.advance(ada, [{ op: 'add', list: ben.list }]);
  return room;
}

async function openInviteOf(room: Room, maxUses: number): Promise<{ content: InviteContent; codeHash: Bytes }> {
  const draft = await draftInvite();
  const { entry, sealed } = await prepareInvite(await room.state(), ada, draft, maxUses);
  room.append(entry);
  return { content: unwrap(await openInvite(draft.secret, sealed)), codeHash: (await inviteCode(draft.secret)).codeHash };
}

describe('a new room', () => {
  it('has its creator as owner, epoch 0 and an id that its create entry gives', async () => {
    const room = await Room.begin(ada);
    const state = await room.state();
    expect([...state.members.values()].map(({ user, role }) => [user, role])).toEqual([['1', 'owner']]);
    expect(state.epochs.map(({ epoch, index, sender }) => [epoch, index, sender.device])).toEqual([[0, 1, '11']]);
    expect(state).toMatchObject({ length: 2, rotationDue: false, ignored: [] });
    expect(toHex(state.room)).not.toBe(toHex((await (await Room.begin(ada)).state()).room));
    expect(await foldLog(null, room.entries, new Uint8Array(32))).toMatchObject({ ok: false, reason: 'wrong_room' });
  });

  it('begins with a create entry and nothing else', async () => {
    const room = await Room.begin(ada);
    expect(await foldLog(null, room.entries.slice(1))).toMatchObject({ ok: false, reason: 'no_create', state: null });
    expect(await foldLog(null, [])).toMatchObject({ ok: false, reason: 'no_create' });
    expect(await verdict(room, must(room.entries[0]).bytes)).toBe('second_create');
  });
});

describe('members', () => {
  it('come by an administrator’s add, with the devices of their signed list', async () => {
    const room = await roomOfTwo();
    const state = await room.state();
    expect(state.members.get('2')).toMatchObject({ role: 'member', via: { op: 'add', by: '1' } });
    expect(recipientsOf(state).map(({ device }) => device)).toEqual(['11', '22']);
  });

  it('cannot add, remove, promote or invite without an administrator’s role', async () => {
    const room = await roomOfTwo();
    const state = await room.state();
    const named = subjectOf(ada.list);
    const invite = await draftInvite();
    const forged = [
      await forge(state, ben, { op: 'add', role: 'member', list: cleo.list.bytes }, { subject: subjectOf(cleo.list) }),
      await forge(state, ben, { op: 'remove' }, { subject: named }),
      await forge(state, ben, { op: 'role', role: 'owner' }),
      await forge(state, ben, { op: 'invite', codeHash: invite.codeHash, inviteKey: invite.inviteKey, maxUses: 0 }),
    ];
    for (const bytes of forged) expect(await verdict(room, bytes)).toBe('role');
    await expect(signChange(state, ben, { op: 'remove', user: '1' })).rejects.toThrow(RefusedChange);
    await expect(prepareEpoch(state, ben, [{ op: 'add', list: cleo.list }])).rejects.toMatchObject({ reason: 'role' });
  });

  it('may rotate, and leave', async () => {
    const room = await roomOfTwo();
    expect((await room.advance(ben)).epochs).toHaveLength(3);
    room.append(await signChange(await room.state(), ben, { op: 'leave' }));
    const state = await room.state();
    expect(state.members.has('2')).toBe(false);
    expect(state.rotationDue).toBe(true);
    expect(recipientsOf(await room.advance(ada)).map(({ user }) => user)).toEqual(['1']);
  });

  it('are removed by somebody of their rank or above, and nobody by those below', async () => {
    const room = await roomOfTwo();
    await room.advance(ada, [{ op: 'add', list: cleo.list }]);
    room.append(await signChange(await room.state(), ada, { op: 'role', user: '2', role: 'admin' }));
    const state = await room.state();
    expect(state.members.get('2')?.role).toBe('admin');
    await expect(signChange(state, ben, { op: 'remove', user: '1' })).rejects.toMatchObject({ reason: 'role' });
    await expect(signChange(state, ben, { op: 'role', user: '2', role: 'owner' })).rejects.toMatchObject({ reason: 'role' });
    await room.advance(ben, [{ op: 'remove', user: '3' }]);
    expect([...(await room.state()).members.keys()]).toEqual(['1', '2']);
  });

  it('leave no room without an owner by a change of role', async () => {
    const room = await roomOfTwo();
    const state = await room.state();
    const change = { op: 'role', user: '1', role: 'member' } as const;
    await expect(signChange(state, ada, change)).rejects.toMatchObject({ reason: 'last_owner' });
  });

  it('who are no members do nothing', async () => {
    const room = await roomOfTwo();
    const state = await room.state();
    const zeros = new Uint8Array(32);
    expect(await verdict(room, await forge(state, cleo, { op: 'rotate', commit: zeros, bundlesHash: zeros }))).toBe('not_member');
    expect(await verdict(room, await forge(state, cleo, { op: 'leave' }))).toBe('not_member');
  });
});

describe('a joiner', () => {
  it('comes by the invite’s key, as often as the invite allows', async () => {
    const room = await Room.begin(ada);
    const { content, codeHash } = await openInviteOf(room, 1);
    room.append(await signJoin(await room.state(), ben, content, codeHash));
    const state = await room.state();
    expect(state.members.get('2')).toMatchObject({ role: 'member', via: { op: 'join', codeHash } });
    expect(state.rotationDue).toBe(true);
    await expect(signJoin(state, cleo, content, codeHash)).rejects.toMatchObject({ reason: 'invite_used_up' });
    await expect(signJoin(state, ben, content, codeHash)).rejects.toMatchObject({ reason: 'already_member' });
  });

  it('cannot be forged without the invite’s key', async () => {
    const room = await Room.begin(ada);
    const { codeHash } = await openInviteOf(room, 0);
    const state = await room.state();
    const inviteSignature = new Uint8Array(64);
    const join = { op: 'join', codeHash, inviteSignature, list: ben.list.bytes } as const;
    expect(await verdict(room, await forge(state, ben, join))).toBe('bad_signature');
    const unknown = { ...join, codeHash: new Uint8Array(32) };
    expect(await verdict(room, await forge(state, ben, unknown))).toBe('no_such_invite');
  });

  it('cannot be swapped for somebody else by whoever carries their entry', async () => {
    const room = await Room.begin(ada);
    const { content, codeHash } = await openInviteOf(room, 0);
    const state = await room.state();
    const bytes = await signJoin(state, ben, content, codeHash);
    const signed = must(parseEntry(bytes));
    const stolen = { ...signed.payload, list: cleo.list.bytes } as EntryPayload;
    expect(await verdict(room, await forge(state, cleo, stolen))).toBe('bad_signature');
  });

  it('does not come back by the invite after a removal', async () => {
    const room = await Room.begin(ada);
    const { content, codeHash } = await openInviteOf(room, 0);
    room.append(await signJoin(await room.state(), ben, content, codeHash));
    const state = await room.advance(ada, [{ op: 'remove', user: '2' }]);
    await expect(signJoin(state, ben, content, codeHash)).rejects.toMatchObject({ reason: 'invite_revoked' });
  });
});

describe('device lists in the log', () => {
  it('are those that the subject’s identity key signed', async () => {
    const room = await Room.begin(ada);
    const state = await room.state();
    const ghost = await createAccountKeys('2', '99');
    const add = { op: 'add', role: 'member', list: ghost.list.bytes } as const;
    // the entry names Ben's identity, the list is the ghost's
    expect(await verdict(room, await forge(state, ada, add, { subject: subjectOf(ben.list) }))).toBe('bad_list');
    const cut = { ...add, list: ben.list.bytes.slice(0, -1) };
    expect(await verdict(room, await forge(state, ada, cut, { subject: subjectOf(ben.list) }))).toBe('bad_list');
  });

  it('of a member’s own newer version replace the old one, never the other way round', async () => {
    const room = await roomOfTwo();
    const newer = await withSecondDevice(ben, '23');
    room.append(await signChange(await room.state(), newer, { op: 'devices' }));
    const state = await room.state();
    expect(recipientsOf(state).map(({ device }) => device)).toEqual(['11', '22', '23']);
    expect(state.rotationDue).toBe(true);
    await expect(signChange(state, ben, { op: 'devices' })).rejects.toMatchObject({ reason: 'older_list' });
    const without = await room.advance(ada, [{ op: 'remove', user: '2' }]);
    const again = signChange(without, ada, { op: 'add', list: ben.list });
    await expect(again).rejects.toMatchObject({ reason: 'older_list' });
  });

  it('cannot claim the device of another member', async () => {
    const room = await Room.begin(ada);
    const thief = await createAccountKeys('5', '11');
    const add = signChange(await room.state(), ada, { op: 'add', list: thief.list });
    await expect(add).rejects.toMatchObject({ reason: 'duplicate_device' });
  });

  it('decide which device may act', async () => {
    const room = await roomOfTwo();
    const newer = await withSecondDevice(ben, '23');
    const state = await room.state();
    const zeros = new Uint8Array(32);
    const rotate = { op: 'rotate', commit: zeros, bundlesHash: zeros } as const;
    const actor = { user: '2', device: '23' };
    expect(await verdict(room, await forge(state, newer, rotate, { actor, subject: subjectOf(ben.list) }))).toBe('unknown_device');
  });
});

async function withSecondDevice(keys: AccountKeys, device: string): Promise<AccountKeys> {
  const { user, identity, hash, devices, version } = keys.list;
  const [signing, encryption] = await Promise.all([generateSigningKeys(), generateEncryptionKeys()]);
  const record = await makeDeviceRecord({ user, identity, device, signing, encryption });
  const next = { user, identity, version: version + 1, previous: hash, devices: [...devices, record] };
  const bytes = await signDeviceList(must(await unsealIdentity(keys)), next);
  return { ...keys, list: unwrap(await openDeviceList(bytes, user)) };
}

describe('epochs in the log', () => {
  it('follow each other without a gap or a repetition', async () => {
    const room = await roomOfTwo();
    const state = await room.state();
    const zeros = new Uint8Array(32);
    const rotate = { op: 'rotate', commit: zeros, bundlesHash: zeros } as const;
    for (const epoch of [0, 1, 3]) expect(await verdict(room, await forge(state, ada, rotate, { epoch }))).toBe('wrong_epoch');
    expect(await verdict(room, await forge(state, ada, { op: 'leave' }, { epoch: 0 }))).toBe('wrong_epoch');
  });
});

describe('a server that meddles with the log', () => {
  it('is found out when it drops, reorders or replaces entries of members', async () => {
    const room = await roomOfTwo();
    await room.advance(ada, [{ op: 'add', list: cleo.list }]);
    const { entries } = room;
    const byAda = { user: '1', device: '11' };
    const dropped = entries.filter((_, index) => index !== 2);
    expect(await strays(dropped)).toContainEqual({ index: 2, reason: 'forked', op: 'rotate', actor: byAda });
    const swapped = [...entries.slice(0, 2), must(entries[3]), must(entries[2]), ...entries.slice(4)];
    expect(await strays(swapped)).toContainEqual(expect.objectContaining({ index: 2, reason: 'forked', actor: byAda }));
    const replaced = entries.map((entry, index) => (index === 2 ? { ...entry, bytes: new Uint8Array(3) } : entry));
    expect(await strays(replaced)).toContainEqual({ index: 3, reason: 'forked', op: 'rotate', actor: byAda });
  });

  it('and a member who writes up another history stop nothing: the entry is named and the room goes on', async () => {
    const room = await roomOfTwo();
    const state = await room.state();
    room.append(await forge(state, ben, { op: 'leave' }, { previous: new Uint8Array(32) }));
    const after = await room.advance(ada, [{ op: 'remove', user: '2' }]);
    expect(after.ignored).toEqual([{ index: state.length, reason: 'forked', op: 'leave', actor: { user: '2', device: '22' } }]);
    expect([...after.members.keys()]).toEqual(['1']);
  });

  it('is found out when it forks: what one half signs does not fit into the other', async () => {
    const room = await roomOfTwo();
    const other = new Room();
    for (const { bytes } of room.entries) other.append(bytes);
    room.append(await signChange(await room.state(), ada, { op: 'add', list: cleo.list }));
    const elsewhere = await signChange(await other.state(), ada, { op: 'role', user: '2', role: 'admin' });
    other.append(elsewhere);
    const next = await signChange(await other.state(), ben, { op: 'leave' });
    expect(await verdict(room, next)).toBe('forked');
  });

  it('adds no ghost: entries that nobody of the room signed have no effect', async () => {
    const room = await roomOfTwo();
    const state = await room.state();
    const ghost = await createAccountKeys('4', '44');
    const add = { op: 'add', role: 'member', list: ghost.list.bytes } as const;
    const asAda = { subject: subjectOf(ghost.list), actor: { user: '1', device: '11' } };
    expect(await verdict(room, await forge(state, ghost, add, asAda))).toBe('bad_signature');
    expect(await verdict(room, await forge(state, ghost, add, { subject: subjectOf(ghost.list) }))).toBe('not_member');
  });

  it('gains nothing by rubbish, replays or entries of another room, and cannot stop the room with them', async () => {
    const room = await roomOfTwo();
    const other = await Room.begin(ada);
    const state = await room.state();
    const zeros = new Uint8Array(32);
    const rubbish = new Uint8Array([1, 2, 3]);
    const stranger = await forge(state, cleo, { op: 'leave' }, { previous: zeros });
    expect(await verdict(room, rubbish)).toBe('malformed');
    expect(await verdict(room, new Uint8Array([2, 2, 3]))).toBe('unsupported');
    expect(await verdict(room, must(room.entries[2]).bytes)).toBe('replayed');
    expect(await verdict(room, must(other.entries[1]).bytes)).toBe('wrong_room');
    expect(await verdict(room, stranger)).toBe('mislinked');
    for (const bytes of [rubbish, must(room.entries[2]).bytes, must(other.entries[1]).bytes, stranger]) room.append(bytes);
    const after = await room.advance(ada, [{ op: 'add', list: cleo.list }]);
    expect(after.members.has('3')).toBe(true);
    expect(after.ignored.map(({ reason }) => reason)).toEqual(['malformed', 'replayed', 'wrong_room', 'mislinked']);
  });

  it('cannot change one byte of an entry', async () => {
    const room = await roomOfTwo();
    const last = must(room.entries.at(-1)).bytes;
    const before = await foldLog(null, room.entries.slice(0, -1));
    if (!before.ok) throw new Error(before.reason);
    for (let at = 0; at < last.length; at += 5) {
      const bytes = last.slice();
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      const result = await foldLog(before.state, [{ bytes, seq: 1000 }]);
      expect(result.ok && result.state.ignored).toHaveLength(1);
      expect(result.ok && result.state.epochs).toHaveLength(1);
    }
  });
});

describe('the fold', () => {
  it('gives the same state in one run and entry by entry, and changes no state that it was given', async () => {
    const room = await roomOfTwo();
    await room.advance(ada, [{ op: 'add', list: cleo.list }]);
    const whole = await room.state();
    let stepwise: LogState | null = null;
    for (const entry of room.entries) {
      const before: LogState | null = structuredClone(stepwise);
      const result = await foldLog(stepwise, [entry]);
      expect(stepwise).toEqual(before);
      if (!result.ok) throw new Error(result.reason);
      stepwise = result.state;
    }
    expect(stepwise).toEqual(whole);
  });
});
