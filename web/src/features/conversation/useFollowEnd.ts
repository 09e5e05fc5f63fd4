/**
 * Keeps the timeline's end in view for a reader who is there, and leaves alone one who scrolled
 * back; knows where they left. Sending something oneself always returns to the end.
 */
import { useLayoutEffect, useRef, useState, type RefObject } from 'react';
import type { VirtualizerHandle } from 'virtua';
import type { TimelineItem } from '@porcupine/sdk';
import { newestArrived } from './rows';

const NEAR_END = 48;
const NEAR_START = 600;

export function useFollowEnd(
  list: RefObject<VirtualizerHandle | null>,
  items: readonly TimelineItem[],
  rowCount: number,
  loadOlder: () => void,
) {
  /** How far the room went when the reader left the end; null while they are there. */
  const [leftAt, setLeftAt] = useState<number | null>(null);
  const arrived = newestArrived(items);
  const arrivedKey = arrived?.key ?? null;
  const last = items.at(-1);
  const lastKey = last?.key ?? null;
  const lastIsMine = last?.type === 'message' && last.own && last.delivery === 'sending';
  const seen = useRef({ arrivedKey: null as string | null, lastKey: null as string | null });

  const toEnd = () => list.current?.scrollToIndex(rowCount - 1, { align: 'end' });

  useLayoutEffect(() => {
    const written = seen.current.lastKey !== lastKey;
    const grown = written || seen.current.arrivedKey !== arrivedKey;
    seen.current = { arrivedKey, lastKey };
    if (leftAt === null) {
      if (grown) toEnd();
    } else if (written && lastIsMine) {
      setLeftAt(null);
      toEnd();
    }
  });

  const onScroll = (offset: number) => {
    const { current } = list;
    if (current === null) return;
    const atEnd = offset + current.viewportSize >= current.scrollSize - NEAR_END;
    setLeftAt((left) => (atEnd ? null : (left ?? arrived?.seq ?? 0)));
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
