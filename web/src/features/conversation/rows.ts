/**
 * Lays the timeline out in rows: where a day begins, which messages stand together as one group,
 * runs of messages from before one's joining folded into one row, and notices left out that another
 * one beside them already says. Pure; the views only draw it.
 *
 * Everything that stands above an item (a day, the mark of what is unread) belongs to the item's
 * own row, so that loading older items adds rows at the start and changes nothing else.
 */
import type { TimelineItem } from '@porcupine/sdk';
import { sameDay } from '../../lib/dates';

export interface Row {
  key: string;
  item: TimelineItem;
  /** The day to announce above this row, where it begins. */
  day: Date | null;
  /** Whether the first unread message is this one. */
  unreadMark: boolean;
  /** Whether a group of one sender's messages begins or ends here. */
  first: boolean;
  last: boolean;
  /** How many items this row stands for. */
  count: number;
}

const GROUP_GAP = 5 * 60_000;

/** `unreadFrom`: the place in the room of the first unread item. */
export function layOut(items: readonly TimelineItem[], unreadFrom: number | null): Row[] {
  const folded = foldUnreadable(withoutEchoes(items));
  return folded.map(({ item, count }, index) => {
    const before = folded[index - 1]?.item;
    const after = folded[index + 1]?.item;
    const unreadMark = startsUnread(item, unreadFrom);
    return {
      key: item.key,
      item,
      count,
      unreadMark,
      day: before === undefined || !sameDay(before.at, item.at) ? item.at : null,
      first: unreadMark || !together(before, item),
      last: after === undefined || startsUnread(after, unreadFrom) || !together(item, after),
    };
  });
}

/**
 * The place in the room that the unread mark stands above, given how many were unread when it was
 * opened. Counts what the SDK counts: messages of others that can be read.
 */
export function firstUnread(items: readonly TimelineItem[], unread: number): number | null {
  if (unread === 0) return null;
  const counted = items.filter((item) => item.type === 'message' && !item.own);
  return counted.at(-unread)?.seq ?? null;
}

/** What is not in the room yet has no place, and is never unread. */
function startsUnread(item: TimelineItem, unreadFrom: number | null): boolean {
  return item.type === 'message' && unreadFrom !== null && item.seq === unreadFrom;
}

/**
 * The newest item that is in the room. What one wrote and is queued or failed stands below it for as
 * long as it takes, and must not hide that something came; nor must a remark that nobody sent.
 */
export function newestArrived(items: readonly TimelineItem[]): TimelineItem | null {
  return items.findLast(hasArrived) ?? null;
}

function hasArrived(item: TimelineItem): boolean {
  if (item.type === 'message') return item.delivery === 'sent';
  return item.type === 'notice' || item.sender !== null;
}

/** How many messages of others came after this place in the room. */
export function messagesAfter(items: readonly TimelineItem[], seq: number): number {
  return items.filter((item) => item.type === 'message' && !item.own && item.seq !== null && item.seq > seq).length;
}

/**
 * One joining is up to three events: somebody waits, the room gets a key, they are let in. Once it is
 * complete the last one says it all. A key that came for another reason is shown.
 */
function withoutEchoes(items: readonly TimelineItem[]): TimelineItem[] {
  return items.filter((item, index) => {
    if (item.type !== 'notice') return true;
    if (item.notice === 'new-key') return !changesMembers(items[index - 1]) && !changesMembers(items[index + 1]);
    if (item.notice !== 'waiting') return true;
    return !items.some((later, at) => at > index && later.type === 'notice' && endsWaiting(later, item.subject?.id));
  });
}

function changesMembers(item: TimelineItem | undefined): boolean {
  return item?.type === 'notice' && ['joined', 'let-in', 'left', 'removed'].includes(item.notice);
}

function endsWaiting(notice: Extract<TimelineItem, { type: 'notice' }>, subject: string | undefined): boolean {
  return subject !== undefined && notice.subject?.id === subject && notice.notice !== 'waiting';
}

/** A run is known by its newest item, which stays the same while older ones are loaded before it. */
function foldUnreadable(items: readonly TimelineItem[]): { item: TimelineItem; count: number }[] {
  const folded: { item: TimelineItem; count: number }[] = [];
  for (const item of items) {
    const previous = folded.at(-1);
    if (previous !== undefined && beforeJoining(item) && beforeJoining(previous.item)) {
      previous.item = item;
      previous.count += 1;
    } else {
      folded.push({ item, count: 1 });
    }
  }
  return folded;
}

function beforeJoining(item: TimelineItem): boolean {
  return item.type === 'unreadable' && item.reason === 'before-joining';
}

function together(a: TimelineItem | undefined, b: TimelineItem): boolean {
  return (
    a?.type === 'message' &&
    b.type === 'message' &&
    a.sender.id === b.sender.id &&
    b.at.getTime() - a.at.getTime() < GROUP_GAP &&
    sameDay(a.at, b.at)
  );
}
