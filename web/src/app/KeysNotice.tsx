/** Explains why nothing can be read where this account's keys are not. */
import { useTranslation } from 'react-i18next';
import type { Account } from '@porcupine/sdk';
import { Callout } from '../ui/Callout';
import styles from './KeysNotice.module.css';

export function KeysNotice({ keys }: { keys: Account['keys'] }) {
  const { t } = useTranslation();
  if (keys !== 'elsewhere') return null;
  return (
    <div className={styles.notice}>
      <Callout tone="warn" icon="key">
        <strong>{t('app.keysElsewhere')}</strong>
        <p>{t('app.keysElsewhereText')}</p>
      </Callout>
    </div>
  );
}
