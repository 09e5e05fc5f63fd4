/**
 * Keeps the timeline's end in view for a reader who is there, and leaves alone one who scrolled
 * back; knows where they left. Sending something oneself always returns to the end.
 */
import { useLayoutEffect, useRef, useState, type RefObject } from 'react';
import type { VirtualizerHandle } from 'virtua';
import type { TimelineItem } from '@porcupine/sdk';

const NEAR_END = 48;
const NEAR_START = 600;

export function useFollowEnd(
  list: RefObject<VirtualizerHandle | null>,
  items: readonly TimelineItem[],
  rowCount: number,
  loadOlder: () => void,
) {
  /** The newest item when the reader left the end; null while they are there. */
  const [leftAt, setLeftAt] = useState<string | null>(null);
  const newest = items.at(-1);
  const newestKey = newest?.key ?? null;
  const newestIsMine = newest?.type === 'message' && newest.own && newest.delivery === 'sending';
  const seenKey = useRef<string | null>(null);

  const toEnd = () => list.current?.scrollToIndex(rowCount - 1, { align: 'end' });

  useLayoutEffect(() => {
    const arrived = seenKey.current !== newestKey;
    seenKey.current = newestKey;
    if (!arrived) return;
    if (leftAt === null) toEnd();
    else if (newestIsMine) {
      setLeftAt(null);
      toEnd();
    }
  });

  const onScroll = (offset: number) => {
    const { current } = list;
    if (current === null) return;
    const atEnd = offset + current.viewportSize >= current.scrollSize - NEAR_END;
    setLeftAt((left) => (atEnd ? null : (left ?? newestKey)));
    if (offset < NEAR_START) loadOlder();
  };

  const onResize = () => {
    const { current } = list;
    if (current === null) return;
    if (leftAt === null) toEnd();
    if (current.scrollSize <= current.viewportSize) loadOlder();
  };

  const jump = () => {
    setLeftAt(null);
    toEnd();
  };

  return { leftAt, onScroll, onResize, jump };
}
