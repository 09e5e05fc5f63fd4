/** One row: what stands above it (older pages, the start, a day, the unread mark) and the item itself. */
import { useTranslation } from 'react-i18next';
import type { RoomHandle, RoomSummary } from '@porcupine/sdk';
import { dayName, fullDate } from '../../lib/dates';
import { quietly } from '../../lib/quietly';
import { Spinner } from '../../ui/Spinner';
import { MessageBubble } from './MessageBubble';
import { NoticeLine } from './NoticeLine';
import type { Row } from './rows';
import { StartOfRoom } from './StartOfRoom';
import styles from './TimelineRow.module.css';
import { UnreadableLine } from './UnreadableLine';

interface TimelineRowProps {
  row: Row;
  newest: boolean;
  /** What stands above the very first row. */
  head: 'older' | 'start' | null;
  room: RoomSummary;
  handle: () => RoomHandle | null;
  onInvite: () => void;
}

export function TimelineRow({ row, newest, head, room, handle, onInvite }: TimelineRowProps) {
  const { t } = useTranslation();
  const { item } = row;
  return (
    <div className={styles.row} data-type={item.type} data-first={row.first || undefined} data-newest={newest || undefined}>
      {head === 'start' && <StartOfRoom room={room} onInvite={onInvite} />}
      {head === 'older' && (
        <p className={styles.older}>
          <Spinner />
          <span className="visually-hidden">{t('conversation.loadingOlder')}</span>
        </p>
      )}
      {row.day !== null && (
        <div className={styles.day}>
          <time dateTime={row.day.toISOString()} title={fullDate(row.day)}>
            {dayName(row.day, new Date())}
          </time>
        </div>
      )}
      {row.unreadMark && <div className={styles.unread}>{t('conversation.unreadMark')}</div>}
      {item.type === 'message' && (
        <MessageBubble
          message={item}
          first={row.first}
          last={row.last}
          onRetry={() => quietly(handle()?.retry(item.key))}
          onDiscard={() => quietly(handle()?.discard(item.key))}
        />
      )}
      {item.type === 'notice' && <NoticeLine notice={item} encrypted={room.encrypted} />}
      {item.type === 'unreadable' && <UnreadableLine item={item} count={row.count} />}
    </div>
  );
}
