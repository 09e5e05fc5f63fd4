/**
 * Says that the server can't be reached, or that there is no network at all, when the next try comes, and that nothing written is lost; and to whoever
 * cannot see it go, that the connection is back.
 */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Connection } from '@porcupine/sdk';
import { useNow } from '../lib/useNow';
import { useOnline } from '../lib/useOnline';
import { Icon } from '../ui/Icon';
import { Spinner } from '../ui/Spinner';
import styles from './ConnectionBanner.module.css';

const SECOND = 1000;

export function ConnectionBanner({ connection }: { connection: Connection }) {
  const { t } = useTranslation();
  const online = useOnline();
  const [lost, setLost] = useState(false);
  if (connection.state === 'offline' && !lost) setLost(true);
  return (
    <section aria-label={t('app.connection')}>
      <div className="visually-hidden" role="status">
        {connection.state === 'offline' && t(online ? 'app.unreachable' : 'app.offline')}
        {connection.state === 'online' && lost && t('app.back')}
      </div>
      {connection.state === 'offline' && <Offline retryAt={connection.retryAt} online={online} />}
      {connection.state === 'connecting' && (
        <div className={styles.connecting} data-testid="connecting">
          <Spinner />
          {t('app.connecting')}
        </div>
      )}
    </section>
  );
}

/** The countdown is for the eyes only: read out each second it would drown everything else. */
function Offline({ retryAt, online }: { retryAt: number; online: boolean }) {
  const { t } = useTranslation();
  const now = useNow(SECOND);
  const seconds = Math.ceil((retryAt - now) / SECOND);
  return (
    <div className={styles.offline} data-testid="offline" aria-hidden="true">
      <Icon name="offline" size={16} />
      <span>
        {t(online ? 'app.unreachable' : 'app.offline')} {seconds > 0 ? t('app.retryIn', { count: seconds }) : t('app.retryNow')}{' '}
        <span className={styles.more}>{t('app.offlineQueue')}</span>
      </span>
    </div>
  );
}
