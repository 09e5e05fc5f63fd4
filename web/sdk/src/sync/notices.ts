/**
 * Who came and went, by the signed log: read from the log itself at the seq of each entry, so that a server
 * that hides or relabels events hides nobody's coming. Pure.
 */
import type { LogMember, LogState } from '../crypto/index.ts';

/** One coming or going. */
export interface SignedNotice {
  seq: number;
  index: number;
  notice: 'joined' | 'let-in' | 'left' | 'removed';
  user: string;
  /** The admin whose page let them in, by room code and so on the server's word for who that is. */
  by: string | null;
}

/** A log never changes in place: the next one is another object. */
const known = new WeakMap<LogState, readonly SignedNotice[]>();

/** In the order of the log. */
export function signedNotices(log: LogState): readonly SignedNotice[] {
  let notices = known.get(log);
  if (notices === undefined) {
    notices = log.spans
      .flatMap(({ member, from, until, removed }) => [
        from === member.since ? entered(log, member) : null,
        until === null || goesOn(log, member, until) ? null : gone(log, member, until, removed === true),
      ])
      .filter((notice) => notice !== null)
      .sort((a, b) => a.index - b.index);
    known.set(log, notices);
  }
  return notices;
}

/** The room's own creator entered with the room. */
function entered(log: LogState, { user, since: index, via }: LogMember): SignedNotice | null {
  if (via.op === 'create') {
    return null;
  }
  const notice = via.op === 'join' ? 'joined' : 'let-in';
  return { seq: seqOf(log, index), index, notice, user, by: via.op === 'add' ? via.by : null };
}

function gone(log: LogState, { user }: LogMember, index: number, removed: boolean): SignedNotice {
  const notice = removed ? 'removed' : 'left';
  return { seq: seqOf(log, index), index, notice, user, by: null };
}

/** Another role or device list ends a span and begins the next. */
function goesOn(log: LogState, { user }: LogMember, index: number): boolean {
  return log.spans.some(({ member, from }) => member.user === user && from === index);
}

function seqOf(log: LogState, index: number): number {
  return log.links[index]?.seq ?? 0;
}
