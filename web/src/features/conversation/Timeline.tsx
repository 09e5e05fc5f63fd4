/**
 * What was said, virtualised: only the rows near the viewport are in the document. It stays at the
 * end while the reader is there, loads older pages near the start, and counts what arrives meanwhile.
 *
 * The element is a log, but not a live one: virtualising adds old rows while one scrolls back, and
 * a screen reader would read them out. What really arrives is announced by `Announcer`.
 */
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Virtualizer, type VirtualizerHandle } from 'virtua';
import type { RoomHandle, RoomView } from '@porcupine/sdk';
import { quietly } from '../../lib/quietly';
import { Announcer } from './Announcer';
import { JumpButton } from './JumpButton';
import { firstUnread, layOut, messagesAfter } from './rows';
import styles from './Timeline.module.css';
import { TimelineRow } from './TimelineRow';
import { StartOfRoom } from './StartOfRoom';
import { useFollowEnd } from './useFollowEnd';
import { useMarkRead } from './useMarkRead';
import { usePrepending } from './usePrepending';

interface TimelineProps {
  view: RoomView;
  handle: () => RoomHandle | null;
  onInvite: () => void;
}

export function Timeline({ view, handle, onInvite }: TimelineProps) {
  const { t } = useTranslation();
  const { timeline: items, room } = view;
  // How much was unread is known when the room is opened; reading it moves the count, not the mark.
  const [unreadFrom] = useState(() => firstUnread(items, room.unread));
  const rows = layOut(items, unreadFrom);
  const prepending = usePrepending(rows[0]?.key ?? null);

  const loadOlder = () => {
    if (view.hasOlder && !view.loadingOlder) quietly(handle()?.loadOlder());
  };
  const list = useRef<VirtualizerHandle>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const { leftAt, onScroll, onResize, jump } = useFollowEnd(list, items, rows.length, loadOlder);
  useMarkRead(handle, items, leftAt === null);

  const jumpToEnd = () => {
    jump();
    scroller.current?.focus({ preventScroll: true });
  };

  if (rows.length === 0 && !view.hasOlder) {
    return (
      <div className={styles.empty}>
        <StartOfRoom room={room} onInvite={onInvite} />
      </div>
    );
  }

  return (
    <div className={styles.frame}>
      <div
        ref={scroller}
        className={styles.scroller}
        role="log"
        aria-live="off"
        aria-label={t('conversation.log', { room: room.name })}
        aria-busy={view.loadingOlder}
        // Keyboards scroll it, so it takes focus although it is no control.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
      >
        <div className={styles.spacer} />
        <Virtualizer ref={list} data={rows} shift={prepending} onScroll={onScroll} onResize={onResize}>
          {(row, index) => (
            <TimelineRow
              key={row.key}
              row={row}
              newest={index === rows.length - 1}
              head={index > 0 ? null : view.hasOlder ? 'older' : 'start'}
              room={room}
              handle={handle}
              onInvite={onInvite}
            />
          )}
        </Virtualizer>
      </div>
      <JumpButton shown={leftAt !== null} missed={leftAt === null ? 0 : messagesAfter(items, leftAt)} onJump={jumpToEnd} />
      <Announcer items={items} />
    </div>
  );
}
