/** Leaving a room: the signed entry that says so, and an heir where the last owner goes. */
import type { WireMember } from '../client/wire.ts';
import { signChange } from '../crypto/index.ts';
import type { SessionContext } from './context.ts';
import type { RoomLog } from './control.ts';

export async function leaveRoom(
  context: SessionContext,
  room: string,
  log: RoomLog,
  members: readonly WireMember[],
): Promise<void> {
  const keys = context.keys();
  if (keys === null || log.self === null || log.fault !== null) {
    await context.api.leaveRoom(room, {});
    return;
  }
  await log.refresh();
  const heir = heirOf(context.me.user, log, members);
  if (heir !== null) {
    await log.append((state) => signChange(state, keys, { op: 'role', user: heir, role: 'owner' }));
    await log.refresh();
  }
  await log.append(
    (state) => signChange(state, keys, { op: 'leave' }),
    (index, entry) => context.api.leaveRoom(room, { index, entry }),
  );
}

/** Whom the server will make the owner when the last one leaves; the log has to say the same. */
function heirOf(me: string, log: RoomLog, members: readonly WireMember[]): string | null {
  const signed = log.state?.members;
  const owners = [...(signed?.values() ?? [])].filter(({ role }) => role === 'owner');
  if (log.self?.role !== 'owner' || owners.length > 1) {
    return null;
  }
  const rank = ({ role }: WireMember): number => (role === 'admin' ? 1 : 0);
  const candidates = members
    .filter(({ user, role }) => user.id !== me && role !== 'pending' && signed?.has(user.id) === true)
    .sort((a, b) => rank(b) - rank(a) || (a.joined_seq ?? 0) - (b.joined_seq ?? 0));
  return candidates[0]?.user.id ?? null;
}
