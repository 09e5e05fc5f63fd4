// @vitest-environment happy-dom
/** What arrives while a failed message stands at the end is read, announced and followed all the same. */
import { act, cleanup, render, renderHook, screen } from '@testing-library/react';
import type { RoomHandle, TimelineItem } from '@porcupine/sdk';
import type { VirtualizerHandle } from 'virtua';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startWords } from '../../lib/i18n';
import { Announcer } from './Announcer';
import { useFollowEnd } from './useFollowEnd';
import { useMarkRead } from './useMarkRead';

type Message = Extract<TimelineItem, { type: 'message' }>;

function message(key: string, parts: Partial<Message> = {}): Message {
  const sender = { id: 'b', username: 'bo', displayName: 'Bo' };
  const at = new Date('2026-05-04T10:00:00');
  return { type: 'message', key, seq: Number(key), sender, own: false, text: `say ${key}`, at, delivery: 'sent', problem: null, ...parts };
}

const failed = message('failed', { seq: null, own: true, delivery: 'failed', problem: 'No.' });
const before = [message('1'), failed];
const after = [message('1'), message('2'), failed];

beforeAll(startWords);
afterEach(cleanup);

describe('with a failed message at the end', () => {
  it('arrivals are marked read', () => {
    const markRead = vi.fn();
    const handle = () => ({ markRead }) as unknown as RoomHandle;
    const { rerender } = renderHook(({ items }) => useMarkRead(handle, items, true), { initialProps: { items: before } });
    markRead.mockClear();
    rerender({ items: after });
    expect(markRead).toHaveBeenCalledOnce();
  });

  it('arrivals are announced', () => {
    const { rerender } = render(<Announcer items={before} />);
    expect(screen.queryByText('Bo: say 1')).toBeNull();
    rerender(<Announcer items={after} />);
    expect(screen.getByText('Bo: say 2')).toBeDefined();
  });

  it('the end is followed, by a reader who is there', () => {
    const { scrollToIndex, show, scroll, result } = follow(before);
    scrollToIndex.mockClear();
    show(after);
    expect(scrollToIndex).toHaveBeenCalledExactlyOnceWith(2, { align: 'end' });

    scroll(0);
    expect(result.current.leftAt).toBe(2);
    scrollToIndex.mockClear();
    show([message('1'), message('2'), message('3'), failed]);
    expect(scrollToIndex).not.toHaveBeenCalled();
  });

  it('one returns to the end by writing, not by what arrives while that is sent', () => {
    const mine = message('mine', { seq: null, own: true, delivery: 'sending' });
    const { scrollToIndex, show, scroll, result } = follow(before);
    scroll(0);
    show([...before, mine]);
    expect(result.current.leftAt).toBeNull();

    scroll(0);
    scrollToIndex.mockClear();
    show([...after, mine]);
    expect(scrollToIndex).not.toHaveBeenCalled();
    expect(result.current.leftAt).toBe(1);
  });
});

/** The hook above a list of which a tenth is in view. */
function follow(initial: TimelineItem[]) {
  const scrollToIndex = vi.fn();
  const list = { current: { viewportSize: 100, scrollSize: 1000, scrollToIndex } as unknown as VirtualizerHandle };
  const { result, rerender } = renderHook(({ items }) => useFollowEnd(list, items, items.length, () => undefined), {
    initialProps: { items: initial },
  });
  const show = (items: TimelineItem[]) => rerender({ items });
  const scroll = (offset: number) => act(() => result.current.onScroll(offset));
  return { scrollToIndex, show, scroll, result };
}
