/** What the list of rooms says of a room's messages. */
import { expect, test } from 'vitest';
import type { WireRoom } from '../client/wire.ts';
import type { SessionContext } from './context.ts';
import type { Room } from './room.ts';
import { summaryOf } from './view.ts';
import type { WindowEvent } from './window.ts';

const context = {
  me: { user: 'me', device: 'd' },
  people: { user: (id: string) => ({ id, username: id, displayName: id.toUpperCase() }) },
} as unknown as SessionContext;

function message(seq: number, sender: string, text: string | null): WindowEvent {
  const event = { seq, kind: 'message', sender, created_at: '2026-01-01T00:00:00Z' } as WindowEvent['event'];
  return { event, opened: { text, failure: text === null ? 'no_key' : null, link: null, previous: null } };
}

function unread(info: Partial<WireRoom>, items: WindowEvent[]): number {
  const room = { info, members: [], feed: { window: { items } } } as unknown as Room;
  return summaryOf(room, context).unread;
}

test('unread are the messages of others behind the read mark that can be read', () => {
  const items = [message(1, 'you', 'a'), message(2, 'you', 'b'), message(3, 'me', 'c'), message(4, 'you', null)];
  expect(unread({ read_seq: 1, joined_seq: 0 }, items)).toBe(1);
  expect(unread({ read_seq: 4, joined_seq: 0 }, items)).toBe(0);
});

test('what was said before joining is not unread', () => {
  const before = Array.from({ length: 7 }, (_, index) => message(index + 1, 'you', index < 3 ? null : 'plain'));
  expect(unread({ read_seq: null, joined_seq: 8 }, before)).toBe(0);
  expect(unread({ read_seq: null, joined_seq: 8 }, [...before, message(9, 'you', 'hello')])).toBe(1);
});
