/** The account: who it is to others, where and how it is signed in, its password, what the server has of it, and its end. */
import { useTranslation } from 'react-i18next';
import type { Account, Porcupine } from '@porcupine/sdk';
import { useLoaded } from '../../lib/useLoaded';
import { Dialog } from '../../ui/Dialog';
import { Section } from '../../ui/Section';
import { DeleteAccount } from './DeleteAccount';
import { ExportData } from './ExportData';
import { PasswordForm } from './PasswordForm';
import { ProfileForm } from './ProfileForm';
import { SignInMethods } from './SignInMethods';
import { SignIns } from './SignIns';

const loadSignIns = (porcupine: Porcupine) => porcupine.signIns();
const loadIdentities = (porcupine: Porcupine) => porcupine.identities();

export function AccountDialog({ account, onClose }: { account: Account; onClose: () => void }) {
  const { t } = useTranslation();
  const signIns = useLoaded(loadSignIns);
  const identities = useLoaded(loadIdentities);
  // Without a provider only a password lets anybody in; nobody is kept from their account because that could not be loaded.
  const mayHaveNone = identities.value?.length !== 0;
  return (
    <Dialog title={t('app.account')} onClose={onClose}>
      <Section title={t('account.profile')}>
        <ProfileForm username={account.username} />
      </Section>
      <Section title={t('account.signIns')}>
        <SignIns loaded={signIns} />
      </Section>
      <Section title={t('account.password')}>
        <PasswordForm username={account.username} mayHaveNone={mayHaveNone} onChanged={signIns.reload} />
      </Section>
      <SignInMethods loaded={identities} />
      <Section title={t('account.export')}>
        <ExportData username={account.username} />
      </Section>
      <Section title={t('account.delete')}>
        <DeleteAccount username={account.username} mayHaveNone={mayHaveNone} />
      </Section>
    </Dialog>
  );
}
