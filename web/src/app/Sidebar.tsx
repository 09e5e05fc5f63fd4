/** The left column: what can be begun, the rooms, and the account. */
import { useTranslation } from 'react-i18next';
import type { Account, RoomSummary } from '@porcupine/sdk';
import { RoomList } from '../features/rooms';
import { homePath, Link } from '../lib/router';
import { PHONE, useMedia } from '../lib/useMedia';
import { IconButton } from '../ui/Button';
import { Logo } from '../ui/Logo';
import { AccountBar } from './AccountBar';
import { Home } from './Home';
import styles from './Sidebar.module.css';

interface SidebarProps {
  account: Account;
  rooms: readonly RoomSummary[] | null;
  current: string | null;
  onCreate: () => void;
  onJoin: () => void;
}

export function Sidebar({ account, rooms, current, onCreate, onJoin }: SidebarProps) {
  const { t } = useTranslation();
  const phone = useMedia(PHONE);
  return (
    <nav className={styles.sidebar} aria-label={t('rooms.title')}>
      <header className={styles.header}>
        <Link href={homePath} className={styles.brand}>
          <Logo size={28} />
          <span>{t('app.name')}</span>
        </Link>
        <IconButton icon="link" label={t('rooms.join')} onClick={onJoin} />
        <IconButton icon="plus" label={t('rooms.create')} onClick={onCreate} />
      </header>
      <div className={styles.rooms}>
        {phone && rooms?.length === 0 ? (
          <Home rooms={rooms} onCreate={onCreate} onJoin={onJoin} />
        ) : (
          <>
            {phone && <h1 className="visually-hidden">{t('rooms.title')}</h1>}
            <RoomList rooms={rooms} current={current} />
          </>
        )}
      </div>
      <AccountBar account={account} />
    </nav>
  );
}
