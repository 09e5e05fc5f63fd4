/**
 * Invite links: making one, looking at one, and joining by one. The link's secret never leaves this device;
 * while a join is unfinished it rests sealed, so that a closed page goes on where it was.
 */
import type { Api } from '../client/api.ts';
import { PorcupineError, isProblem, untrusted } from '../client/problem.ts';
import type { WireRoom } from '../client/wire.ts';
import {
  checkInvite,
  draftInvite,
  equalBytes,
  fromBase64,
  inviteCode,
  inviteLink,
  openInvite,
  openLocal,
  parseInviteLink,
  prepareInvite,
  sealLocal,
  signJoin,
  toBase64,
  toHex,
  type AccountKeys,
  type Bytes,
  type InviteContent,
} from '../crypto/index.ts';
import type { InvitePreview } from '../model.ts';
import type { SessionContext } from './context.ts';
import { refusalOf, type RoomLog } from './control.ts';

/** What rests of an unfinished join: the link's secret, then the invite's sealed part. */
const joinPurpose = 'join';
const secretLength = 32;
const otherRoom = 'the room that the server shows is not the one that the invite was made for';

/** Makes an invite and gives its link. */
export async function makeInvite(
  context: SessionContext,
  room: string,
  log: RoomLog,
  origin: string,
  options: { expiresIn: number; maxUses: number | null },
): Promise<string> {
  const keys = requireKeys(context);
  const draft = await draftInvite();
  await log.refresh();
  let sealed: Bytes = draft.privateKey;
  await log.append(
    async (state) => {
      const prepared = await prepareInvite(state, keys, draft, options.maxUses ?? 0);
      sealed = prepared.sealed;
      return prepared.entry;
    },
    (index, entry) =>
      context.api.createInvite(room, {
        expires_in: options.expiresIn,
        ...(options.maxUses === null ? {} : { max_uses: options.maxUses }),
        code_hash: toBase64(draft.codeHash),
        sealed: toBase64(sealed),
        index,
        entry,
      }),
  );
  return inviteLink(origin, draft.secret);
}

export async function previewInvite(api: Api, link: string): Promise<InvitePreview> {
  const { codeHash } = await inviteCode(secretOf(link));
  const invite = await api.invite(toHex(codeHash));
  return {
    roomName: invite.name,
    memberCount: invite.members,
    expiresAt: invite.expires_at === null ? null : new Date(invite.expires_at),
  };
}

/**
 * Redeems the invite at the server; the entry in the log follows by `finishJoin`. `expected` is the
 * cryptographic id of the room that the link was made for.
 */
export async function redeemInvite(
  context: SessionContext,
  link: string,
): Promise<{ wire: WireRoom; expected: Bytes }> {
  const keys = requireKeys(context);
  const secret = secretOf(link);
  const { code, codeHash } = await inviteCode(secret);
  const invite = await context.api.invite(toHex(codeHash));
  // A link that does not open is refused before it costs a use.
  const sealed = invite.sealed === null ? null : fromBase64(invite.sealed);
  const content = await openContent(secret, sealed);
  const log = await context.store.log(invite.room);
  if (log !== undefined && !equalBytes(log.room, content.room)) {
    throw untrusted(otherRoom);
  }
  const join = new Uint8Array([...secret, ...(sealed ?? [])]);
  await context.store.setJoin(invite.room, await sealLocal(keys.storageKey, joinPurpose, join));
  try {
    const wire = await context.api.joinRoom(code);
    if (wire.id !== invite.room) {
      throw untrusted(otherRoom);
    }
    return { wire, expected: content.room };
  } catch (error) {
    if (!(error instanceof PorcupineError && error.code === 'unreachable')) {
      await context.store.setJoin(invite.room, null);
    }
    throw error;
  }
}

/**
 * Writes the join entry of a room that was joined by link, unless it is there. Without an unfinished join it
 * does nothing. What can never succeed is given up, and the room remembers why.
 */
export async function finishJoin(context: SessionContext, room: string, log: RoomLog): Promise<void> {
  const keys = context.keys();
  const rests = await context.store.join(room);
  const join = keys === null || rests === undefined ? null : await openLocal(keys.storageKey, joinPurpose, rests);
  if (keys === null || join === null) {
    return;
  }
  try {
    await writeJoin(context, room, log, { keys, join });
  } catch (error) {
    if (isProblem(error, 'gone', 'untrusted')) {
      // It will not be otherwise the next time.
      await context.store.setJoin(room, null);
      await log.refuseJoin(error.title);
    }
    throw error;
  }
}

async function writeJoin(
  context: SessionContext,
  room: string,
  log: RoomLog,
  { keys, join }: { keys: AccountKeys; join: Bytes },
): Promise<void> {
  await log.refuseJoin(null);
  const secret = join.slice(0, secretLength);
  const { codeHash } = await inviteCode(secret);
  const content = await openContent(secret, join.slice(secretLength));
  await log.expect(content.room);
  await log.refresh();
  const before = log.length;
  await log.append(async (state) => {
    const checked = checkInvite(state, content);
    if (!checked.ok) {
      throw untrusted(otherRoom);
    }
    return log.self === null ? signJoin(state, keys, content, codeHash) : null;
  });
  await log.refresh();
  await context.store.setJoin(room, null);
  requireEffect(context, log, before);
}

/** An entry that breaks a rule stays in the log without effect; then waiting would be in vain. */
function requireEffect(context: SessionContext, log: RoomLog, before: number): void {
  if (log.self !== null) {
    return;
  }
  const ignored = log.state?.ignored.find(
    ({ index, actor }) => index >= before && actor?.user === context.me.user,
  );
  throw refusalOf(ignored?.reason ?? 'no_such_invite');
}

async function openContent(secret: Bytes, sealed: Bytes | null): Promise<InviteContent> {
  const opened = sealed === null ? null : await openInvite(secret, sealed);
  if (opened?.ok !== true) {
    throw untrusted('this invite link does not fit what the server holds for it');
  }
  return opened.value;
}

function secretOf(link: string): Bytes {
  const secret = parseInviteLink(link);
  if (secret === null) {
    throw new PorcupineError('invalid', 'this is no invite link');
  }
  return secret;
}

export function requireKeys(context: SessionContext): AccountKeys {
  const keys = context.keys();
  if (keys === null) {
    throw new PorcupineError('no_keys', 'this browser does not have the keys of this account');
  }
  return keys;
}
