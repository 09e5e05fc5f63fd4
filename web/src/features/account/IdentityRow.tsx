/** One linked account at a provider, and the way to unlink it. */
import { useTranslation } from 'react-i18next';
import type { Identity } from '@porcupine/sdk';
import { fullDate, listTimeWithin } from '../../lib/dates';
import { useNow } from '../../lib/useNow';
import { Button } from '../../ui/Button';
import styles from './SignInRow.module.css';

interface IdentityRowProps {
  identity: Identity;
  /** For people. */
  provider: string;
  busy: boolean;
  onUnlink: () => void;
}

export function IdentityRow({ identity, provider, busy, onUnlink }: IdentityRowProps) {
  const { t } = useTranslation();
  const now = useNow(60_000);
  const { email, lastUsed } = identity;
  return (
    <li className={styles.row} data-testid="identity">
      <div className={styles.words}>
        <p className={`${styles.device} ellipsis`}>{provider}</p>
        <p className={styles.detail}>
          {email !== null && <span>{email} · </span>}
          <time dateTime={lastUsed.toISOString()} title={fullDate(lastUsed)}>
            {t('account.lastUsed', { when: listTimeWithin(lastUsed, new Date(now)) })}
          </time>
        </p>
      </div>
      <Button aria-label={t('account.unlinkOne', { provider })} onClick={() => !busy && onUnlink()}>
        {t('account.unlink')}
      </Button>
    </li>
  );
}
