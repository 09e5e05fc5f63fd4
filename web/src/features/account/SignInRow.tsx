/** One sign-in: which device, from where, when last, and the way to end it. */
import { useTranslation } from 'react-i18next';
import type { SignIn } from '@porcupine/sdk';
import { fullDate, listTimeWithin } from '../../lib/dates';
import { useNow } from '../../lib/useNow';
import { Button } from '../../ui/Button';
import styles from './SignInRow.module.css';

interface SignInRowProps {
  signIn: SignIn;
  busy: boolean;
  onEnd: () => void;
}

export function SignInRow({ signIn, busy, onEnd }: SignInRowProps) {
  const { t } = useTranslation();
  const now = useNow(60_000);
  const { device, address, lastUsed, current, connected } = signIn;
  return (
    <li className={styles.row} data-testid="sign-in">
      <div className={styles.words}>
        <p className={styles.top}>
          <span className={`${styles.device} ellipsis`}>{device}</span>
          {current && <span className={styles.mark}>{t('account.current')}</span>}
        </p>
        <p className={styles.detail}>
          {address !== null && <span>{address} · </span>}
          <time dateTime={lastUsed.toISOString()} title={fullDate(lastUsed)}>
            {t('account.lastUsed', { when: listTimeWithin(lastUsed, new Date(now)) })}
          </time>
          {!current && connected && <span className={styles.connected}> · {t('account.connected')}</span>}
        </p>
      </div>
      {!current && (
        <Button aria-label={t('account.endOne', { device })} onClick={() => !busy && onEnd()}>
          {t('account.end')}
        </Button>
      )}
    </li>
  );
}
