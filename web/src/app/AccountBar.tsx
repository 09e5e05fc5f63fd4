/** Who is signed in here, the account's dialog, the theme, and signing out. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Account } from '@porcupine/sdk';
import { AccountDialog } from '../features/account';
import { usePorcupine } from '../lib/client';
import { forgetInvite } from '../lib/inviteSecret';
import { wordsFor } from '../lib/problems';
import { homePath, navigate } from '../lib/router';
import { usePending } from '../lib/usePending';
import { Avatar } from '../ui/Avatar';
import { IconButton } from '../ui/Button';
import { ThemeToggle } from '../ui/ThemeToggle';
import styles from './AccountBar.module.css';

export function AccountBar({ account }: { account: Account }) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const { busy, error, run } = usePending();
  const [open, setOpen] = useState(false);

  const signOut = () =>
    run(async () => {
      await porcupine.signOut();
      forgetInvite();
      navigate(homePath, { replace: true });
    });

  return (
    <section className={styles.bar} aria-label={t('app.account')}>
      {error !== null && (
        <p className={styles.error} role="alert">
          {t('app.signOutFailed')} {wordsFor(error, t)}
        </p>
      )}
      <Avatar id={account.id} name={account.displayName} />
      <div className={styles.words}>
        <p className={`${styles.name} ellipsis`}>{account.displayName}</p>
        <p className={`${styles.handle} ellipsis`}><bdi>@{account.username}</bdi></p>
      </div>
      <IconButton icon="settings" label={t('account.open')} aria-haspopup="dialog" onClick={() => setOpen(true)} />
      <ThemeToggle />
      <IconButton icon="leave" label={t('app.signOut')} aria-busy={busy || undefined} onClick={() => void signOut()} />
      {open && <AccountDialog account={account} onClose={() => setOpen(false)} />}
    </section>
  );
}
