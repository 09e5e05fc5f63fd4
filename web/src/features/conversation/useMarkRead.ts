/** Tells the room that its newest message was seen: when the end is in view and the page visible. */
import { useEffect } from 'react';
import type { RoomHandle, TimelineItem } from '@porcupine/sdk';
import { newestArrived } from './rows';

export function useMarkRead(handle: () => RoomHandle | null, items: readonly TimelineItem[], atEnd: boolean): void {
  const newest = newestArrived(items)?.key;

  useEffect(() => {
    const mark = () => {
      if (atEnd && newest !== undefined && document.visibilityState === 'visible') handle()?.markRead();
    };
    mark();
    document.addEventListener('visibilitychange', mark);
    return () => document.removeEventListener('visibilitychange', mark);
  }, [handle, newest, atEnd]);
}
