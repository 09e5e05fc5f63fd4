/** Says that the server can't be reached, when the next try comes, and that nothing written is lost. */
import { useTranslation } from 'react-i18next';
import type { Connection } from '@porcupine/sdk';
import { useNow } from '../lib/useNow';
import { Icon } from '../ui/Icon';
import { Spinner } from '../ui/Spinner';
import styles from './ConnectionBanner.module.css';

const SECOND = 1000;

export function ConnectionBanner({ connection }: { connection: Connection }) {
  const { t } = useTranslation();
  return (
    <>
      <div className="visually-hidden" role="status">
        {connection.state === 'offline' && t('app.offlineNow')}
      </div>
      {connection.state === 'offline' && <Offline retryAt={connection.retryAt} />}
      {connection.state === 'connecting' && (
        <div className={styles.connecting} data-testid="connecting">
          <Spinner />
          {t('app.connecting')}
        </div>
      )}
    </>
  );
}

/** The countdown is for the eyes only: read out each second it would drown everything else. */
function Offline({ retryAt }: { retryAt: number }) {
  const { t } = useTranslation();
  const now = useNow(SECOND);
  const seconds = Math.ceil((retryAt - now) / SECOND);
  return (
    <div className={styles.offline} data-testid="offline" aria-hidden="true">
      <Icon name="offline" size={16} />
      <span>
        {seconds > 0 ? t('app.offlineRetry', { count: seconds }) : t('app.offlineNow')}{' '}
        <span className={styles.more}>{t('app.offlineQueue')}</span>
      </span>
    </div>
  );
}
