/** One room in the list: name, the last words said, and what is unread. */
import { useTranslation } from 'react-i18next';
import type { RoomSummary } from '@porcupine/sdk';
import { cx } from '../../lib/cx';
import { listTime } from '../../lib/dates';
import { Link, roomPath } from '../../lib/router';
import { Avatar } from '../../ui/Avatar';
import { Icon } from '../../ui/Icon';
import styles from './RoomRow.module.css';

export function RoomRow({ room, current, now }: { room: RoomSummary; current: boolean; now: Date }) {
  const { t } = useTranslation();
  const { lastMessage } = room;
  const pending = room.role === 'pending';

  return (
    <Link
      href={roomPath(room.id)}
      className={cx(styles.row, room.unread > 0 && styles.unread)}
      aria-current={current ? 'page' : undefined}
    >
      <Avatar id={room.id} name={room.name} square />
      <span className={styles.top}>
        <span className={cx(styles.name, 'ellipsis')}>{room.name}</span>
        {!room.encrypted && (
          <span className={styles.open} title={t('conversation.notEncrypted')}>
            <Icon name="unlocked" size={14} />
            <span className="visually-hidden">, {t('rooms.notEncrypted')}</span>
          </span>
        )}
        {lastMessage !== null && <time className={styles.time}>{listTime(lastMessage.at, now)}</time>}
      </span>
      <span className={styles.bottom}>
        <span className={cx(styles.preview, 'ellipsis')}>
          {pending && t('rooms.pending')}
          {!pending && lastMessage === null && t('rooms.noMessages')}
          {!pending && lastMessage !== null && t('rooms.lastMessage', lastMessage)}
        </span>
        {room.unread > 0 && (
          <span className={styles.badge}>
            <span aria-hidden="true">{room.unread > 99 ? t('rooms.unreadMany') : room.unread}</span>
            <span className="visually-hidden">{t('rooms.unread', { count: room.unread })}</span>
          </span>
        )}
        {pending && (
          <span className={styles.waiting}>
            <Icon name="clock" size={16} />
          </span>
        )}
      </span>
    </Link>
  );
}
