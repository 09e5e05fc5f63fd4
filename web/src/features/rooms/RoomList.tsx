/** All rooms of the account, newest talk first; searchable once there are many. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { RoomSummary } from '@porcupine/sdk';
import { Icon } from '../../ui/Icon';
import { Skeleton } from '../../ui/Skeleton';
import { useNow } from '../../lib/useNow';
import { RoomRow } from './RoomRow';
import styles from './RoomList.module.css';
import { arrangeRooms } from './arrangeRooms';

const SEARCH_FROM = 7;
const MINUTE = 60_000;

export function RoomList({ rooms, current }: { rooms: readonly RoomSummary[] | null; current: string | null }) {
  const { t } = useTranslation();
  const [query, setQuery] = useState('');
  const now = new Date(useNow(MINUTE));

  if (rooms === null) return <RoomListSkeleton />;
  if (rooms.length === 0) {
    return (
      <div className={styles.none}>
        <p className={styles.noneTitle}>{t('rooms.none')}</p>
        <p>{t('rooms.noneText')}</p>
      </div>
    );
  }

  const shown = arrangeRooms(rooms, rooms.length >= SEARCH_FROM ? query : '');
  return (
    <>
      {rooms.length >= SEARCH_FROM && (
        <label className={styles.search}>
          <Icon name="search" size={16} />
          <span className="visually-hidden">{t('rooms.search')}</span>
          <input
            type="search"
            value={query}
            placeholder={t('rooms.search')}
            onChange={(event) => {
              setQuery(event.currentTarget.value);
            }}
          />
        </label>
      )}
      {shown.length === 0 && <p className={styles.none}>{t('rooms.noMatch', { query })}</p>}
      <ul className={styles.list} aria-label={t('rooms.list')}>
        {shown.map((room) => (
          <li key={room.id}>
            <RoomRow room={room} current={room.id === current} now={now} />
          </li>
        ))}
      </ul>
    </>
  );
}

function RoomListSkeleton() {
  const { t } = useTranslation();
  return (
    <div className={styles.list} role="status">
      <span className="visually-hidden">{t('app.loading')}</span>
      {[58, 74, 44, 66].map((width) => (
        <div key={width} className={styles.skeleton}>
          <Skeleton width="36px" height="36px" />
          <div className={styles.skeletonLines}>
            <Skeleton width={`${width}%`} />
            <Skeleton width={`${width + 20}%`} />
          </div>
        </div>
      ))}
    </div>
  );
}
