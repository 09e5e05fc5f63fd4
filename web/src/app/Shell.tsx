/**
 * The signed-in page: the sidebar with the rooms, and beside it what the address names. On a phone
 * one of the two fills the screen. Lives as long as the account, and with it the unsent drafts.
 */
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Account } from '@porcupine/sdk';
import type { Drafts } from '../features/conversation';
import { JoinDialog, JoinPage } from '../features/invite';
import { CreateRoomDialog } from '../features/rooms';
import { useSnapshot } from '../lib/client';
import { forgetInvite, useInviteLink } from '../lib/inviteSecret';
import { homePath, navigate, roomPath, useRoute } from '../lib/router';
import { PHONE, useMedia } from '../lib/useMedia';
import { ConnectionBanner } from './ConnectionBanner';
import { Home } from './Home';
import { KeysNotice } from './KeysNotice';
import { RoomPage } from './RoomPage';
import styles from './Shell.module.css';
import { Sidebar } from './Sidebar';
import { useDocumentTitle } from './useDocumentTitle';

export function Shell({ account }: { account: Account }) {
  const { t } = useTranslation();
  const route = useRoute();
  const { rooms, connection } = useSnapshot();
  const link = useInviteLink();
  const phone = useMedia(PHONE);
  const [dialog, setDialog] = useState<'create' | 'join' | null>(null);
  const [drafts] = useState<Drafts>(() => new Map());
  const main = useRef<HTMLElement>(null);

  const current = route.page === 'room' ? (rooms?.find(({ id }) => id === route.id) ?? null) : null;
  const unread = rooms?.reduce((sum, room) => sum + room.unread, 0) ?? 0;
  useDocumentTitle(route.page === 'join' ? t('invite.joinTitle') : (current?.name ?? null), unread);
  useFocusOnArrival(main, route.page === 'room' ? route.id : route.page);

  const enter = (room: string) => {
    setDialog(null);
    forgetInvite();
    navigate(roomPath(room), { replace: route.page === 'join' });
  };
  const dismissInvite = () => {
    forgetInvite();
    navigate(homePath, { replace: true });
  };

  const begin = { onCreate: () => setDialog('create'), onJoin: () => setDialog('join') };
  const sidebar = <Sidebar account={account} rooms={rooms} current={route.page === 'room' ? route.id : null} {...begin} />;

  return (
    <div className={styles.shell}>
      <a
        className={styles.skip}
        href="#main"
        onClick={(event) => {
          // Focus alone: a fragment in the address bar is for invites.
          event.preventDefault();
          main.current?.focus();
        }}
      >
        {t('app.skipMain')}
      </a>
      <ConnectionBanner connection={connection} />
      <div className={styles.columns}>
        {!phone && sidebar}
        <main ref={main} id="main" className={styles.main} tabIndex={-1}>
          <KeysNotice keys={account.keys} />
          {route.page === 'join' && <JoinPage link={link} onJoined={enter} onDismiss={dismissInvite} />}
          {route.page === 'home' && (phone ? sidebar : <Home rooms={rooms} {...begin} />)}
          {route.page === 'room' && <RoomPage key={route.id} id={route.id} account={account} drafts={drafts} />}
        </main>
      </div>
      {dialog === 'create' && <CreateRoomDialog onClose={() => setDialog(null)} onCreated={enter} />}
      {dialog === 'join' && <JoinDialog onClose={() => setDialog(null)} onJoined={enter} />}
    </div>
  );
}

/** After a change of page the keyboard and the screen reader go where the eyes do. */
function useFocusOnArrival(main: { current: HTMLElement | null }, page: string): void {
  const shown = useRef(page);
  useEffect(() => {
    if (shown.current === page) return;
    shown.current = page;
    const inside = main.current?.contains(document.activeElement) ?? false;
    if (!inside) main.current?.focus({ preventScroll: true });
  }, [main, page]);
}
