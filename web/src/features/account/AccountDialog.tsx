/** The account: who it is to others, where and how it is signed in, its password, and its end. */
import { useTranslation } from 'react-i18next';
import type { Account } from '@porcupine/sdk';
import { Dialog } from '../../ui/Dialog';
import styles from './AccountDialog.module.css';
import { DeleteAccount } from './DeleteAccount';
import { PasswordForm } from './PasswordForm';
import { ProfileForm } from './ProfileForm';
import { SignInMethods } from './SignInMethods';
import { SignIns } from './SignIns';
import { useSignIns } from './useSignIns';

export function AccountDialog({ account, onClose }: { account: Account; onClose: () => void }) {
  const { t } = useTranslation();
  const signIns = useSignIns();
  return (
    <Dialog title={t('app.account')} onClose={onClose}>
      <section className={styles.section} aria-labelledby="account-profile">
        <h3 id="account-profile" className={styles.heading}>
          {t('account.profile')}
        </h3>
        <ProfileForm username={account.username} />
      </section>
      <section className={styles.further} aria-labelledby="account-sign-ins">
        <h3 id="account-sign-ins" className={styles.heading}>
          {t('account.signIns')}
        </h3>
        <SignIns {...signIns} />
      </section>
      <SignInMethods />
      <section className={styles.further} aria-labelledby="account-password">
        <h3 id="account-password" className={styles.heading}>
          {t('account.changePassword')}
        </h3>
        <PasswordForm username={account.username} onChanged={signIns.reload} />
      </section>
      <section className={styles.further} aria-labelledby="account-delete">
        <h3 id="account-delete" className={styles.heading}>
          {t('account.delete')}
        </h3>
        <DeleteAccount username={account.username} />
      </section>
    </Dialog>
  );
}
