/**
 * Epochs: a random secret per stretch of a room's life, sealed to every device of every member, and committed
 * to by a signed rotate entry.
 *
 * Owns the bundle's HPKE info, the commitment, the hash of the bundle list and the form in which a secret rests.
 * The raw secret lives in local variables here and is wiped; everybody else holds an HKDF key for deriveBits.
 */
import {
  RefusedChange,
  appendOwn,
  deviceOf,
  foldLog,
  nextEpoch,
  recipientsOf,
  signChange,
  signNext,
  subjectOf,
} from './controllog.ts';
import { Writer, concat, equalBytes, label } from './encoding.ts';
import { signEntry } from './entry.ts';
import { hpkeOpen, hpkeSeal, sealOverhead } from './hpke.ts';
import { derive, hash, hashLength, importHkdfKey, publicKeyLength, randomBytes, seal, unseal } from './subtle.ts';
import type {
  AccountKeys,
  Bundle,
  Bytes,
  Change,
  EpochFailure,
  EpochKey,
  LogState,
  OpenedEpoch,
  Outcome,
  PreparedEpoch,
  Recipient,
} from './types.ts';

const SECRET_LENGTH = 32;
const SEAL_LENGTH = SECRET_LENGTH + sealOverhead;

/** A room's beginning: its create entry, the rotate entry of epoch 0, and a bundle for each of one's own devices. */
export async function createRoom(keys: AccountKeys): Promise<PreparedEpoch & { room: Bytes }> {
  const zeros = new Uint8Array(hashLength);
  const create = await signEntry(
    {
      room: zeros,
      index: 0,
      previous: zeros,
      subject: subjectOf(keys.list),
      actor: { user: keys.user, device: keys.device },
      epoch: 0,
      payload: { op: 'create', nonce: randomBytes(hashLength), list: keys.list.bytes },
    },
    keys.signing.privateKey,
  );
  const begun = await foldLog(null, [{ bytes: create, seq: 1 }]);
  if (!begun.ok) throw new Error(`own create entry: ${begun.reason}`);
  const prepared = await prepareEpoch(begun.state, keys);
  return { ...prepared, index: 0, entries: [create, ...prepared.entries], room: begun.state.room };
}

/**
 * The next epoch: entries for the changes (may be none), the rotate entry, and a bundle for every device of
 * those who are members after them. Throws RefusedChange. On `conflict` throw it away, fold on, prepare again.
 * `without`: users who get no bundle although the log still names them, because the server has removed them; its
 * word can take away, and an administrator's signed `remove` may follow later.
 */
export async function prepareEpoch(
  state: LogState,
  keys: AccountKeys,
  changes: readonly Change[] = [],
  without: readonly string[] = [],
): Promise<PreparedEpoch> {
  const entries: Bytes[] = [];
  let changed = state;
  for (const change of changes) {
    const entry = await signChange(changed, keys, change);
    entries.push(entry);
    changed = await appendOwn(changed, entry);
  }
  const own = changed.members.get(keys.user)?.list;
  if (own === undefined || deviceOf(own, keys.device) === undefined) {
    throw new RefusedChange(own === undefined ? 'not_member' : 'unknown_device');
  }
  const secret = randomBytes(SECRET_LENGTH);
  try {
    const place = placeOf(changed, keys);
    const opened = await useSecret(keys, place.room, place.epoch, secret);
    const recipients = recipientsOf(changed).filter(({ user }) => !without.includes(user));
    const bundles = await sealBundles(secret, place, recipients);
    const commit = await commitmentOf(opened.epochKey);
    const bundlesHash = await hashBundles(bundles);
    entries.push(await signNext(changed, keys, subjectOf(own), { op: 'rotate', commit, bundlesHash }));
    return { ...opened, epoch: place.epoch, index: state.length, entries, bundles };
  } finally {
    secret.fill(0);
  }
}

/** Opens this device's bundle and verifies it against the rotate entry. */
export async function openEpoch(
  state: LogState,
  keys: AccountKeys,
  epoch: number,
  bundle: Bytes,
): Promise<Outcome<OpenedEpoch, EpochFailure>> {
  const record = state.epochs[epoch];
  if (record === undefined) return { ok: false, reason: 'unknown_epoch' };
  const place = { room: state.room, epoch, previous: record.previous, sender: record.sender };
  const secret = await hpkeOpen(keys.encryption, bundleInfo(place, keys), bundle);
  if (secret?.length !== SECRET_LENGTH) return { ok: false, reason: 'cannot_open' };
  try {
    const opened = await useSecret(keys, state.room, epoch, secret);
    const commits = equalBytes(await commitmentOf(opened.epochKey), record.commit);
    return commits ? { ok: true, value: opened } : { ok: false, reason: 'bad_commit' };
  } finally {
    secret.fill(0);
  }
}

/** From what openEpoch or prepareEpoch gave as `sealed`; null when it cannot be opened. */
export async function unsealEpoch(
  keys: AccountKeys,
  room: Bytes,
  epoch: number,
  sealed: Bytes,
): Promise<EpochKey | null> {
  const secret = await unseal(keys.storageKey, sealed, restPurpose(room, epoch));
  if (secret === null) return null;
  try {
    return { room, epoch, key: await importHkdfKey(secret) };
  } finally {
    secret.fill(0);
  }
}

/** What the rotate entry commits to: who holds another secret finds out. */
export async function commitmentOf({ room, epoch, key }: EpochKey): Promise<Bytes> {
  return derive(key, 'commit', roomAndEpoch(room, epoch));
}

/** Binds the rotate entry to every bundle, in order of user and device. */
export async function hashBundles(bundles: readonly Bundle[]): Promise<Bytes> {
  const writer = new Writer().u32(bundles.length);
  for (const { user, device, encryptionKey, seal: sealed } of bundles) {
    writer.id(user).id(device).fixed(encryptionKey, publicKeyLength).fixed(sealed, SEAL_LENGTH);
  }
  return hash('bundles', writer.done());
}

/** The context of every derivation from an epoch's secret. */
export function roomAndEpoch(room: Bytes, epoch: number): Bytes {
  return new Writer().fixed(room, hashLength).u64(epoch).done();
}

/** Where and by whom an epoch is begun. */
interface EpochPlace {
  room: Bytes;
  epoch: number;
  /** Hash of the entry before the rotate entry. */
  previous: Bytes;
  sender: { user: string; device: string };
}

function placeOf(state: LogState, keys: AccountKeys): EpochPlace {
  return {
    room: state.room,
    epoch: nextEpoch(state),
    previous: state.head,
    sender: { user: keys.user, device: keys.device },
  };
}

async function sealBundles(secret: Bytes, place: EpochPlace, recipients: readonly Recipient[]): Promise<Bundle[]> {
  return Promise.all(
    recipients.map(async (recipient) => ({
      ...recipient,
      seal: await hpkeSeal(recipient.encryptionKey, bundleInfo(place, recipient), secret),
    })),
  );
}

/** HPKE's info: a seal opens only for this room, epoch, log head, sender and recipient. */
export function bundleInfo(place: EpochPlace, recipient: { user: string; device: string }): Bytes {
  return new Writer()
    .raw(label('bundle'))
    .raw(roomAndEpoch(place.room, place.epoch))
    .fixed(place.previous, hashLength)
    .id(place.sender.user)
    .id(place.sender.device)
    .id(recipient.user)
    .id(recipient.device)
    .done();
}

async function useSecret(keys: AccountKeys, room: Bytes, epoch: number, secret: Bytes): Promise<OpenedEpoch> {
  const [key, sealed] = await Promise.all([
    importHkdfKey(secret),
    seal(keys.storageKey, secret, restPurpose(room, epoch)),
  ]);
  return { epochKey: { room, epoch, key }, sealed };
}

function restPurpose(room: Bytes, epoch: number): Bytes {
  return concat(label('epoch-at-rest'), roomAndEpoch(room, epoch));
}
