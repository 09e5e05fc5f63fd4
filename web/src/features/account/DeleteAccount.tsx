/** The way to the end of the account; a dialog of its own explains it first. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '../../ui/Button';
import styles from './DeleteAccount.module.css';
import { DeleteAccountDialog } from './DeleteAccountDialog';

export function DeleteAccount({ username }: { username: string }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  return (
    <>
      <p className={styles.text}>{t('account.deleteText')}</p>
      <Button aria-haspopup="dialog" onClick={() => setOpen(true)}>
        {t('account.delete')}
      </Button>
      {open && <DeleteAccountDialog username={username} onClose={() => setOpen(false)} />}
    </>
  );
}
