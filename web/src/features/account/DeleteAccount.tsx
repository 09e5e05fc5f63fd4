/** The way to the end of the account; a dialog of its own explains it first. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '../../ui/Button';
import styles from './Explained.module.css';
import { DeleteAccountDialog } from './DeleteAccountDialog';

export function DeleteAccount({ username, mayHaveNone }: { username: string; mayHaveNone: boolean }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  return (
    <>
      <p className={styles.text}>{t('account.deleteText')}</p>
      <Button aria-haspopup="dialog" onClick={() => setOpen(true)}>
        {t('account.delete')}
      </Button>
      {open && <DeleteAccountDialog username={username} mayHaveNone={mayHaveNone} onClose={() => setOpen(false)} />}
    </>
  );
}
