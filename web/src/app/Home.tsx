/** What stands beside the rooms while none is chosen. A phone shows it in place of an empty list. */
import { useTranslation } from 'react-i18next';
import type { RoomSummary } from '@porcupine/sdk';
import { Button } from '../ui/Button';
import { EmptyState } from '../ui/EmptyState';
import { Logo } from '../ui/Logo';
import styles from './Home.module.css';

interface HomeProps {
  rooms: readonly RoomSummary[] | null;
  onCreate: () => void;
  onJoin: () => void;
}

export function Home({ rooms, onCreate, onJoin }: HomeProps) {
  const { t } = useTranslation();
  // The sidebar shows that the rooms are coming; a page without a heading has no name for a screen reader.
  if (rooms === null) return <h1 className="visually-hidden">{t('app.loading')}</h1>;
  const first = rooms.length === 0;
  return (
    <div className={styles.home}>
      <EmptyState
        level="h1"
        mark={<Logo size={64} />}
        title={first ? t('app.firstRoom') : t('app.welcome')}
        actions={
          <>
            <Button icon="link" onClick={onJoin}>
              {t('rooms.join')}
            </Button>
            <Button icon="plus" look="primary" onClick={onCreate}>
              {t('rooms.create')}
            </Button>
          </>
        }
      >
        {first ? t('app.firstRoomText') : t('app.welcomeText')}
      </EmptyState>
    </div>
  );
}
