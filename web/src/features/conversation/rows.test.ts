import { describe, expect, it } from 'vitest';
import type { TimelineItem, User } from '@porcupine/sdk';
import { firstUnread, layOut, messagesAfter, newestArrived } from './rows';

const ada: User = { id: 'a', username: 'ada', displayName: 'Ada' };
const bo: User = { id: 'b', username: 'bo', displayName: 'Bo' };

function message(key: string, sender: User, at: string, own = false): TimelineItem {
  return { type: 'message', key, seq: Number(key), sender, own, text: key, at: new Date(at), delivery: 'sent', problem: null };
}

function failed(key: string): TimelineItem {
  return { ...message(key, bo, '2026-05-04T09:00:00', true), seq: null, delivery: 'failed', problem: 'No.' } as TimelineItem;
}

function unreadable(key: string, reason: 'before-joining' | 'tampered'): TimelineItem {
  return { type: 'unreadable', key, seq: Number(key), sender: ada, at: new Date('2026-05-04T10:00:00'), reason, detail: '' };
}

describe('layOut', () => {
  it('groups what one person says within five minutes of the same day', () => {
    const rows = layOut(
      [
        message('1', ada, '2026-05-04T10:00:00'),
        message('2', ada, '2026-05-04T10:04:00'),
        message('3', ada, '2026-05-04T10:12:00'),
        message('4', bo, '2026-05-04T10:12:30'),
      ],
      null,
    );
    expect(rows.map((row) => [row.first, row.last])).toEqual([
      [true, false],
      [false, true],
      [true, true],
      [true, true],
    ]);
  });

  it('begins a day at its first row and parts a group at midnight', () => {
    const rows = layOut([message('1', ada, '2026-05-04T23:59:00'), message('2', ada, '2026-05-05T00:01:00')], null);
    expect(rows.map((row) => row.day?.getDate() ?? null)).toEqual([4, 5]);
    expect(rows[1]?.first).toBe(true);
  });

  it('parts a group at the unread mark', () => {
    const rows = layOut([message('1', ada, '2026-05-04T10:00:00'), message('2', ada, '2026-05-04T10:01:00')], 2);
    expect(rows.map((row) => [row.unreadMark, row.first, row.last])).toEqual([
      [false, true, true],
      [true, true, true],
    ]);
  });

  it('folds runs from before joining under the newest key, and nothing else', () => {
    const run = [unreadable('2', 'before-joining'), unreadable('3', 'before-joining')];
    const tail = [unreadable('4', 'tampered'), message('5', ada, '2026-05-04T11:00:00')];
    expect(layOut([...run, ...tail], null).map((row) => [row.key, row.count])).toEqual([['3', 2], ['4', 1], ['5', 1]]);
    const older = layOut([unreadable('1', 'before-joining'), ...run, ...tail], null);
    expect(older[0]).toMatchObject({ key: '3', count: 3 });
  });
});

describe('notices', () => {
  const notice = (key: string, notice: Extract<TimelineItem, { type: 'notice' }>['notice'], subject: User | null): TimelineItem => ({
    type: 'notice',
    key,
    seq: 1,
    at: new Date('2026-05-04T10:00:00'),
    notice,
    subject,
    by: 'signed',
    text: null,
  });
  const keys = (items: TimelineItem[]) => layOut(items, null).map(({ key }) => key);

  it('say a joining once it is complete, and until then that somebody waits', () => {
    const waiting = notice('1', 'waiting', bo);
    expect(keys([waiting])).toEqual(['1']);
    expect(keys([waiting, notice('2', 'new-key', null), notice('3', 'let-in', bo)])).toEqual(['3']);
    expect(keys([waiting, notice('2', 'let-in', ada)])).toEqual(['1', '2']);
  });

  it('tell of a key that came without anybody coming or going', () => {
    expect(keys([message('1', ada, '2026-05-04T10:00:00'), notice('2', 'new-key', null)])).toEqual(['1', '2']);
    expect(keys([notice('1', 'left', bo), notice('2', 'new-key', null)])).toEqual(['1']);
  });
});

describe('unread', () => {
  const items = [
    message('1', bo, '2026-05-04T10:00:00'),
    message('2', ada, '2026-05-04T10:01:00'),
    message('3', bo, '2026-05-04T10:02:00', true),
    message('4', ada, '2026-05-04T10:03:00'),
  ];

  it('marks the n-th message from the end, not counting own ones', () => {
    expect(firstUnread(items, 2)).toBe(2);
    expect(firstUnread(items, 0)).toBeNull();
    expect(firstUnread(items, 9)).toBeNull();
  });

  it('passes over what cannot be read, as the number of unread messages does', () => {
    const tail = [...items, unreadable('5', 'tampered'), message('6', ada, '2026-05-04T10:05:00')];
    expect(firstUnread(tail, 1)).toBe(6);
    expect(firstUnread(tail, 2)).toBe(4);
    expect(firstUnread([unreadable('1', 'before-joining'), message('2', ada, '2026-05-04T10:00:00')], 1)).toBe(2);
  });

  it('marks one row, also where a remark stands at the same place', () => {
    const rows = layOut([unreadable('2', 'tampered'), message('2', ada, '2026-05-04T10:00:00')], 2);
    expect(rows.map(({ unreadMark }) => unreadMark)).toEqual([false, true]);
  });

  it('marks no message that waits to be sent', () => {
    expect(layOut([failed('f')], firstUnread([], 0)).map(({ unreadMark }) => unreadMark)).toEqual([false]);
  });

  it('counts what others said after an item', () => {
    expect(messagesAfter(items, 1)).toBe(2);
    expect(messagesAfter(items, 4)).toBe(0);
    expect(messagesAfter([...items, failed('f')], 1)).toBe(2);
  });

  it('takes what could not be sent for no arrival', () => {
    expect(newestArrived([...items, failed('f')])?.key).toBe('4');
    expect(newestArrived([failed('f')])).toBeNull();
  });

  it('takes a remark that nobody sent for no arrival', () => {
    const remark = { ...unreadable('9', 'tampered'), sender: null } as TimelineItem;
    expect(newestArrived([...items, remark])?.key).toBe('4');
  });
});
