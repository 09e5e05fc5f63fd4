/** The account: who it is to others, where and how it is signed in, its password, and its end. */
import { useTranslation } from 'react-i18next';
import type { Account, Porcupine } from '@porcupine/sdk';
import { useLoaded } from '../../lib/useLoaded';
import { Dialog } from '../../ui/Dialog';
import { Section } from '../../ui/Section';
import { DeleteAccount } from './DeleteAccount';
import { PasswordForm } from './PasswordForm';
import { ProfileForm } from './ProfileForm';
import { SignInMethods } from './SignInMethods';
import { SignIns } from './SignIns';

const load = (porcupine: Porcupine) => porcupine.signIns();

export function AccountDialog({ account, onClose }: { account: Account; onClose: () => void }) {
  const { t } = useTranslation();
  const signIns = useLoaded(load);
  return (
    <Dialog title={t('app.account')} onClose={onClose}>
      <Section title={t('account.profile')}>
        <ProfileForm username={account.username} />
      </Section>
      <Section title={t('account.signIns')}>
        <SignIns loaded={signIns} />
      </Section>
      <SignInMethods />
      <Section title={t('account.changePassword')}>
        <PasswordForm username={account.username} onChanged={signIns.reload} />
      </Section>
      <Section title={t('account.delete')}>
        <DeleteAccount username={account.username} />
      </Section>
    </Dialog>
  );
}
