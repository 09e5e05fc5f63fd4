/** A room's page: finds the room in the list, or says that it isn't there. */
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import type { Account } from '@porcupine/sdk';
import { TimelineSkeleton, type Drafts } from '../features/conversation';
import { useSnapshot } from '../lib/client';
import { homePath, navigate } from '../lib/router';
import { Button } from '../ui/Button';
import { EmptyState } from '../ui/EmptyState';
import { Icon } from '../ui/Icon';
import { OpenRoom } from './OpenRoom';
import styles from './RoomPage.module.css';

export function RoomPage({ id, account, drafts }: { id: string; account: Account; drafts: Drafts }) {
  const { t } = useTranslation();
  const { rooms } = useSnapshot();
  if (rooms === null) {
    return (
      <>
        <h1 className="visually-hidden">{t('app.loading')}</h1>
        <TimelineSkeleton />
      </>
    );
  }

  const room = rooms.find((candidate) => candidate.id === id);
  if (room !== undefined) return <OpenRoom summary={room} account={account} drafts={drafts} />;
  return <NoRoom />;
}

/** May take the place of an open room at any time: the focus that went with it comes to the heading. */
function NoRoom() {
  const { t } = useTranslation();
  const heading = useRef<HTMLHeadingElement>(null);

  useEffect(() => {
    if (document.activeElement === null || document.activeElement === document.body) heading.current?.focus();
  }, []);

  return (
    <div className={styles.missing} data-testid="no-room">
      <EmptyState
        level="h1"
        headingRef={heading}
        mark={<Icon name="search" size={32} />}
        title={t('app.notFound')}
        actions={<Button onClick={() => navigate(homePath, { replace: true })}>{t('app.toRooms')}</Button>}
      >
        {t('app.notFoundText')}
      </EmptyState>
    </div>
  );
}
