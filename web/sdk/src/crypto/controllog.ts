/**
 * A room's membership, computed from its control log alone.
 *
 * The server orders the entries; this fold decides what they mean. An entry that breaks a rule stays in the
 * chain and has no effect (it is listed in `ignored`, with the reason). No rule looks at a clock or asks anybody:
 * entries carry the device lists that they name, so whoever has the same entries computes the same state.
 *
 * The chain. Every entry names its index and the hash of the entry before. One that does not fit its place is
 * noise when no member signed it (anybody who may append can send rubbish), and a replay when an earlier entry
 * says the same. One that a member's device did sign is `forked`: that member saw another history, wrote one up, or
 * lost a race and the server kept the loser. It has no effect either, since any member can write one, but a user
 * interface tells who signed it.
 */
import {
  entryVersion,
  hashContent,
  hashEntry,
  parseEntry,
  parseSignedEntry,
  signEntry,
  verifyEntry,
  verifyJoinByInvite,
} from './entry.ts';
import type { SignedEntry } from './entry.ts';
import { compareBytes, equalBytes, toHex, utf8 } from './encoding.ts';
import { openDeviceList } from './keys.ts';
import { hashLength } from './subtle.ts';
import type {
  AccountKeys,
  Bytes,
  Change,
  DeviceList,
  DeviceRecord,
  Entry,
  EntryPayload,
  FoldResult,
  IgnoredReason,
  LogFailure,
  LoggedEntry,
  LogMember,
  LogRole,
  LogState,
  MemberSpan,
  Recipient,
} from './types.ts';

export { parseEntry };

const RANK: Record<LogRole, number> = { owner: 3, admin: 2, member: 1 };

/** A change that the fold would ignore, refused before it is signed. */
export class RefusedChange extends Error {
  override name = 'RefusedChange';
  readonly reason: IgnoredReason;

  constructor(reason: IgnoredReason) {
    super(`the control log does not permit this: ${reason}`);
    this.reason = reason;
  }
}

/**
 * Folds further entries, in order of index, onto a state (null: from the start).
 * `expectedRoom`: the cryptographic id known from an invite or from earlier.
 */
export async function foldLog(
  state: LogState | null,
  entries: readonly LoggedEntry[],
  expectedRoom?: Bytes,
): Promise<FoldResult> {
  if (state !== null && expectedRoom !== undefined && !equalBytes(state.room, expectedRoom)) {
    return { ok: false, reason: 'wrong_room', index: 0, state };
  }
  let draft = state === null ? null : copyState(state);
  for (const logged of entries) {
    if (draft === null) {
      const begun = await begin(logged, expectedRoom);
      if (typeof begun === 'string') return { ok: false, reason: begun, index: 0, state: null };
      draft = begun;
      continue;
    }
    await append(draft, logged);
  }
  return draft === null ? { ok: false, reason: 'no_create', index: 0, state: null } : { ok: true, state: draft };
}

/** The next entry, signed, where no epoch has to be begun with it. Throws RefusedChange. */
export async function signChange(state: LogState, keys: AccountKeys, change: Change): Promise<Bytes> {
  const { subject, payload } = describe(state, keys, change);
  return signNext(state, keys, subject, payload);
}

/** Devices of all members, ordered by user and device: whom the next epoch is sealed to. */
export function recipientsOf(state: LogState): Recipient[] {
  return [...state.members.values()]
    .flatMap(({ user, list }) => list.devices.map(({ device, encryptionKey }) => ({ user, device, encryptionKey })))
    .sort((a, b) => compareBytes(utf8(a.user), utf8(b.user)) || compareBytes(utf8(a.device), utf8(b.device)));
}

/** The next entry by this device, signed; throws RefusedChange where it would have no effect. */
export async function signNext(
  state: LogState,
  keys: AccountKeys,
  subject: Entry['subject'],
  payload: EntryPayload,
): Promise<Bytes> {
  const entry: Entry = {
    room: state.room,
    index: state.length,
    previous: state.head,
    subject,
    actor: { user: keys.user, device: keys.device },
    epoch: payload.op === 'rotate' ? nextEpoch(state) : currentEpoch(state),
    payload,
  };
  const bytes = await signEntry(entry, keys.signing.privateKey);
  await appendOwn(state, bytes);
  return bytes;
}

/** The state after an entry of one's own that the server has not ordered yet; throws RefusedChange. */
export async function appendOwn(state: LogState, bytes: Bytes): Promise<LogState> {
  const seq = (state.links.at(-1)?.seq ?? 0) + 1;
  const folded = await foldLog(state, [{ bytes, seq }]);
  if (!folded.ok) throw new Error(`own control-log entry: ${folded.reason}`);
  const ignored = folded.state.ignored.at(-1);
  if (ignored?.index === state.length) throw new RefusedChange(ignored.reason);
  return folded.state;
}

/** How an entry names an account whose device list is known. */
export function subjectOf(list: DeviceList): Entry['subject'] {
  return { user: list.user, fingerprint: list.fingerprint, listVersion: list.version, listHash: list.hash };
}

/** The epoch in force; 0 before the first rotate entry. */
export function currentEpoch(state: LogState): number {
  return Math.max(0, state.epochs.length - 1);
}

/** The epoch that the next rotate entry has to begin. */
export function nextEpoch(state: LogState): number {
  return state.epochs.length;
}

/** Who `user` was once the entry at `index` had taken effect. */
export function memberAt(state: LogState, index: number, user: string): LogMember | undefined {
  return state.spans.find(
    ({ member, from, until }) => member.user === user && from <= index && (until === null || index < until),
  )?.member;
}

export function deviceOf(list: DeviceList | undefined, device: string): DeviceRecord | undefined {
  return list?.devices.find((record) => record.device === device);
}

// ------------------------------------------------------------------------------------------- one entry at a time

async function begin(logged: LoggedEntry, expectedRoom: Bytes | undefined): Promise<LogState | LogFailure> {
  const signed = parseSignedEntry(logged.bytes);
  if (signed === null) return 'no_create';
  const { entry } = signed;
  const fits = entry.index === 0 && entry.epoch === 0 && isZero(entry.room) && isZero(entry.previous);
  if (entry.payload.op !== 'create' || !fits || entry.subject.user !== entry.actor.user) return 'no_create';
  const list = await embeddedList(entry);
  const device = deviceOf(list ?? undefined, entry.actor.device);
  if (list === null || device === undefined || !(await verifyEntry(signed, device.signingKey))) return 'no_create';
  const room = await hashEntry(logged.bytes);
  if (expectedRoom !== undefined && !equalBytes(room, expectedRoom)) return 'wrong_room';
  const state: LogState = {
    room,
    length: 1,
    head: room,
    links: [{ hash: room, seq: logged.seq, content: await hashContent(signed.content) }],
    members: new Map(),
    spans: [],
    invites: new Map(),
    epochs: [],
    rotationDue: true,
    listVersions: new Map(),
    ignored: [],
  };
  setMember(state, 0, newMember(list, 'owner', 0, { op: 'create' }));
  return state;
}

/** Takes one entry into the state. */
async function append(draft: LogState, logged: LoggedEntry): Promise<void> {
  const index = draft.length;
  const signed = parseSignedEntry(logged.bytes);
  const content = await hashContent(signed?.content ?? logged.bytes);
  const verdict = signed === null ? unreadable(logged.bytes) : await judge(draft, signed, content);
  if (typeof verdict === 'string') {
    const { payload, actor } = signed?.entry ?? { payload: null, actor: null };
    draft.ignored.push({ index, reason: verdict, op: payload?.op ?? null, actor });
  } else {
    verdict(draft, logged.seq);
  }
  draft.head = await hashEntry(logged.bytes);
  draft.links.push({ hash: draft.head, seq: logged.seq, content });
  draft.length += 1;
}

/** A later version's entry is told apart, so that a user interface can ask for an update. */
function unreadable(bytes: Bytes): IgnoredReason {
  return bytes.length === 0 || bytes[0] === entryVersion ? 'malformed' : 'unsupported';
}

/** What a valid entry does to the state; called once, with the seq of its event. */
type Effect = (draft: LogState, seq: number) => void;

async function judge(
  state: Readonly<LogState>,
  signed: SignedEntry,
  content: Bytes,
): Promise<Effect | IgnoredReason> {
  const { entry } = signed;
  if (entry.payload.op === 'create') return 'second_create';
  if (!equalBytes(entry.room, state.room)) return 'wrong_room';
  if (entry.index !== state.length || !equalBytes(entry.previous, state.head)) return judgeStray(state, signed, content);
  if (entry.epoch !== (entry.payload.op === 'rotate' ? nextEpoch(state) : currentEpoch(state))) return 'wrong_epoch';
  return entry.payload.op === 'join' ? judgeJoin(state, signed) : judgeMember(state, signed);
}

/** An entry that does not fit its place: a copy, rubbish, or a member's word for another history. */
async function judgeStray(state: Readonly<LogState>, signed: SignedEntry, content: Bytes): Promise<IgnoredReason> {
  const { index, actor } = signed.entry;
  const earlier = state.links[index];
  if (earlier !== undefined && equalBytes(earlier.content, content)) return 'replayed';
  const device = deviceOf(state.members.get(actor.user)?.list, actor.device);
  return device !== undefined && (await verifyEntry(signed, device.signingKey)) ? 'forked' : 'mislinked';
}

/** Entries that need a member as actor: all but create and join. */
async function judgeMember(state: Readonly<LogState>, signed: SignedEntry): Promise<Effect | IgnoredReason> {
  const { entry } = signed;
  const actor = state.members.get(entry.actor.user);
  if (actor === undefined) return 'not_member';
  const carriesList = entry.payload.op === 'add' || entry.payload.op === 'devices';
  const list = carriesList ? await embeddedList(entry) : null;
  if (carriesList && list === null) return 'bad_list';
  // a device that the new list adds may announce it: the list's signature is the account's word
  const signers = entry.payload.op === 'devices' && list !== null ? list : actor.list;
  const device = deviceOf(signers, entry.actor.device);
  if (device === undefined) return 'unknown_device';
  if (!(await verifyEntry(signed, device.signingKey))) return 'bad_signature';
  return list === null ? judgeReference(state, entry, actor) : judgeList(state, entry, actor, list);
}

/** add and devices: entries that bring a device list. */
function judgeList(state: Readonly<LogState>, entry: Entry, actor: LogMember, list: DeviceList): Effect | IgnoredReason {
  const { payload, index } = entry;
  if (payload.op === 'add') {
    if (RANK[actor.role] < RANK.admin || RANK[actor.role] < RANK[payload.role]) return 'role';
    if (state.members.has(list.user)) return 'already_member';
    if (isOlder(state, list)) return 'older_list';
    if (namesTakenDevice(state, list)) return 'duplicate_device';
    return (draft) => {
      setMember(draft, index, newMember(list, payload.role, index, { op: 'add', by: actor.user }));
      draft.rotationDue = true;
    };
  }
  if (list.user !== actor.user || !equalBytes(list.fingerprint, actor.fingerprint)) return 'wrong_subject';
  if (list.version <= actor.list.version || isOlder(state, list)) return 'older_list';
  if (list.version === actor.list.version + 1 && !equalBytes(list.previous, actor.list.hash)) return 'bad_list';
  if (namesTakenDevice(state, list)) return 'duplicate_device';
  return (draft) => {
    setMember(draft, index, { ...actor, list });
    draft.rotationDue = true;
  };
}

/** remove, role, invite, leave, rotate: entries about somebody as the log knows them. */
function judgeReference(state: Readonly<LogState>, entry: Entry, actor: LogMember): Effect | IgnoredReason {
  const { payload, subject: named, index } = entry;
  const subject = state.members.get(named.user);
  if (subject === undefined) return 'no_such_member';
  if (!refersTo(named, subject)) return 'wrong_subject';
  const others = payload.op === 'remove' || payload.op === 'role';
  if (!others && subject !== actor) return 'wrong_subject';
  switch (payload.op) {
    case 'remove':
      if (subject === actor) return 'wrong_subject';
      if (RANK[actor.role] < RANK.admin || RANK[actor.role] < RANK[subject.role]) return 'role';
      return (draft) => {
        endMember(draft, index, subject.user, true);
        revokeInvites(draft, subject);
      };
    case 'role':
      if (RANK[actor.role] < RANK.admin) return 'role';
      if (RANK[actor.role] < Math.max(RANK[subject.role], RANK[payload.role])) return 'role';
      if (subject.role === 'owner' && payload.role !== 'owner' && isLastOwner(state)) return 'last_owner';
      return (draft) => setMember(draft, index, { ...subject, role: payload.role });
    case 'invite':
      if (RANK[actor.role] < RANK.admin) return 'role';
      if (state.invites.has(toHex(payload.codeHash))) return 'duplicate_invite';
      return (draft) => {
        const { codeHash, inviteKey, maxUses } = payload;
        const invite = { codeHash, inviteKey, maxUses, uses: 0, by: actor.user, index, revoked: false };
        draft.invites.set(toHex(codeHash), invite);
      };
    case 'leave':
      return (draft) => endMember(draft, index, subject.user);
    case 'rotate':
      return (draft, seq) => {
        const { commit, bundlesHash } = payload;
        const { epoch, previous, actor: sender } = entry;
        draft.epochs.push({ epoch, index, previous, seq, commit, bundlesHash, sender });
        draft.rotationDue = false;
      };
    default:
      return 'malformed';
  }
}

async function judgeJoin(state: Readonly<LogState>, signed: SignedEntry): Promise<Effect | IgnoredReason> {
  const { entry } = signed;
  const { payload, index } = entry;
  if (payload.op !== 'join') return 'malformed';
  if (entry.subject.user !== entry.actor.user) return 'wrong_subject';
  if (state.members.has(entry.actor.user)) return 'already_member';
  const invite = state.invites.get(toHex(payload.codeHash));
  if (invite === undefined) return 'no_such_invite';
  if (invite.revoked) return 'invite_revoked';
  if (invite.maxUses > 0 && invite.uses >= invite.maxUses) return 'invite_used_up';
  const list = await embeddedList(entry);
  if (list === null) return 'bad_list';
  if (isOlder(state, list)) return 'older_list';
  if (namesTakenDevice(state, list)) return 'duplicate_device';
  const device = deviceOf(list, entry.actor.device);
  if (device === undefined) return 'unknown_device';
  if (!(await verifyEntry(signed, device.signingKey))) return 'bad_signature';
  if (!(await verifyJoinByInvite(entry, invite.inviteKey))) return 'bad_signature';
  return (draft) => {
    const key = toHex(invite.codeHash);
    draft.invites.set(key, { ...invite, uses: invite.uses + 1 });
    setMember(draft, index, newMember(list, 'member', index, { op: 'join', codeHash: invite.codeHash }));
    draft.rotationDue = true;
  };
}

// ------------------------------------------------------------------------------------------------- parts of rules

/** The device list that an entry carries, when it verifies and is the one that the entry's subject names. */
async function embeddedList(entry: Entry): Promise<DeviceList | null> {
  if (!('list' in entry.payload)) return null;
  const opened = await openDeviceList(entry.payload.list, entry.subject.user);
  return opened.ok && matches(entry.subject, opened.value) ? opened.value : null;
}

function matches(named: Entry['subject'], list: DeviceList): boolean {
  return (
    named.user === list.user &&
    named.listVersion === list.version &&
    equalBytes(named.fingerprint, list.fingerprint) &&
    equalBytes(named.listHash, list.hash)
  );
}

function refersTo(named: Entry['subject'], member: LogMember): boolean {
  return matches(named, member.list);
}

function isOlder(state: Readonly<LogState>, list: DeviceList): boolean {
  return list.version < (state.listVersions.get(versionKey(list)) ?? 0);
}

/** A device belongs to one account; who named it first in this room has it. */
function namesTakenDevice(state: Readonly<LogState>, list: DeviceList): boolean {
  const others = [...state.members.values()].filter(({ user }) => user !== list.user);
  return list.devices.some(({ device }) => others.some((member) => deviceOf(member.list, device) !== undefined));
}

function versionKey(list: DeviceList): string {
  return `${toHex(list.fingerprint)} ${list.user}`;
}

function isLastOwner(state: Readonly<LogState>): boolean {
  return [...state.members.values()].filter(({ role }) => role === 'owner').length === 1;
}

function newMember(list: DeviceList, role: LogRole, since: number, via: LogMember['via']): LogMember {
  return { user: list.user, fingerprint: list.fingerprint, role, list, since, via };
}

/** Makes or changes a member from the entry at `index` on. */
function setMember(draft: LogState, index: number, member: LogMember): void {
  closeSpan(draft, index, member.user);
  draft.members.set(member.user, member);
  draft.spans.push({ member, from: index, until: null });
  draft.listVersions.set(versionKey(member.list), member.list.version);
}

function endMember(draft: LogState, index: number, user: string, removed = false): void {
  closeSpan(draft, index, user, removed);
  draft.members.delete(user);
  draft.rotationDue = true;
}

function closeSpan(draft: LogState, index: number, user: string, removed = false): void {
  const at = draft.spans.findIndex(({ member, until }) => until === null && member.user === user);
  const span: MemberSpan | undefined = draft.spans[at];
  if (span !== undefined) draft.spans[at] = { ...span, until: index, ...(removed ? { removed } : {}) };
}

/** Whoever is removed keeps the secrets of the invites that they made and of the one that they came by. */
function revokeInvites(draft: LogState, removed: LogMember): void {
  for (const [key, invite] of draft.invites) {
    const cameBy = removed.via.op === 'join' && equalBytes(removed.via.codeHash, invite.codeHash);
    if (cameBy || invite.by === removed.user) draft.invites.set(key, { ...invite, revoked: true });
  }
}

function describe(state: LogState, keys: AccountKeys, change: Change): { subject: Entry['subject']; payload: EntryPayload } {
  const listOf = (user: string): DeviceList => {
    const member = state.members.get(user);
    if (member === undefined) throw new RefusedChange(user === keys.user ? 'not_member' : 'no_such_member');
    return member.list;
  };
  switch (change.op) {
    case 'add':
      return {
        subject: subjectOf(change.list),
        payload: { op: 'add', role: change.role ?? 'member', list: change.list.bytes },
      };
    case 'devices':
      return { subject: subjectOf(keys.list), payload: { op: 'devices', list: keys.list.bytes } };
    case 'remove':
      return { subject: subjectOf(listOf(change.user)), payload: { op: 'remove' } };
    case 'role':
      return { subject: subjectOf(listOf(change.user)), payload: { op: 'role', role: change.role } };
    case 'invite':
    case 'leave':
      return { subject: subjectOf(listOf(keys.user)), payload: change };
  }
}

function copyState(state: LogState): LogState {
  return {
    ...state,
    links: [...state.links],
    members: new Map(state.members),
    spans: [...state.spans],
    invites: new Map(state.invites),
    epochs: [...state.epochs],
    listVersions: new Map(state.listVersions),
    ignored: [...state.ignored],
  };
}

function isZero(bytes: Bytes): boolean {
  return equalBytes(bytes, new Uint8Array(hashLength));
}
