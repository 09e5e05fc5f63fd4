/** Whose is the account at a provider that somebody came back with? Nothing is linked before they have said so here. */
import { useRef, useState, type SubmitEvent } from 'react';
import { useTranslation } from 'react-i18next';
import type { Account } from '@porcupine/sdk';
import { usePorcupine } from '../../lib/client';
import { focusField } from '../../lib/focusField';
import { problemOf } from '../../lib/problems';
import { usePending } from '../../lib/usePending';
import { Button } from '../../ui/Button';
import { Dialog, DialogActions } from '../../ui/Dialog';
import { PasswordField } from '../../ui/PasswordField';
import { Refusal } from '../../ui/Refusal';
import { WhosePassword } from '../../ui/WhosePassword';
import { LinkByPassword } from './LinkByPassword';
import styles from './LinkByPassword.module.css';
import { linkProblem } from './linkProblem';
import { NotLinkedDialog } from './NotLinkedDialog';
import { useLinkOffer } from './useLinkOffer';

export function LinkDialog({ account, onClose }: { account: Account | null; onClose: () => void }) {
  const { t } = useTranslation();
  const loaded = useLinkOffer();
  // The page behind it is there meanwhile, and a dialog that fills itself would move the focus about.
  if (loaded.state === 'loading') return null;
  if (loaded.state === 'failed') {
    return (
      <Dialog title={t('auth.notLinkedTitle')} onClose={onClose}>
        <Refusal error={loaded.error} />
        <DialogActions>
          <Button onClick={onClose}>{t('ui.close')}</Button>
          <Button look="primary" data-autofocus onClick={loaded.again}>
            {t('ui.tryAgain')}
          </Button>
        </DialogActions>
      </Dialog>
    );
  }
  if (loaded.state === 'gone' || (loaded.offer.bySession && account === null)) {
    return <NotLinkedDialog why={t(loaded.state === 'gone' ? 'auth.linkGone' : 'auth.linkSignedOut')} onClose={onClose} />;
  }
  const { offer, label } = loaded;
  return offer.bySession && account !== null ? (
    <LinkToAccount email={offer.email} provider={label} username={account.username} onClose={onClose} />
  ) : (
    <LinkByPassword email={offer.email} provider={label} onClose={onClose} />
  );
}

interface LinkToAccountProps {
  email: string;
  provider: string;
  username: string;
  onClose: () => void;
}

/**
 * Asked for in the session of the account, and by its password once more: who has only got hold of the session gets no way in for good.
 * Whether there is a password is known to the server alone.
 */
function LinkToAccount({ email, provider, username, onClose }: LinkToAccountProps) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const { busy, error, run, clear } = usePending();
  const form = useRef<HTMLFormElement>(null);
  const [password, setPassword] = useState('');
  const [done, setDone] = useState(false);
  const names = { provider, email, username };
  const refused = problemOf(error)?.code === 'bad_credentials';
  const wrong = refused ? t(password === '' ? 'auth.linkSignInAgain' : 'auth.linkNotYourPassword') : undefined;

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (done) {
      onClose();
    } else if (await run(accept, { bad_credentials: () => focusField(form.current, 'password') })) {
      setDone(true);
      form.current?.querySelector<HTMLElement>('button[type="submit"]')?.focus();
    }
  };
  const accept = () => porcupine.acceptLink({ password: password === '' ? null : password });

  return (
    <Dialog title={t('auth.linkTitle', names)} onClose={onClose}>
      <form ref={form} className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
        <p role="status">{t(done ? 'auth.linked' : 'auth.linkToAccount', names)}</p>
        {!done && (
          <>
            <WhosePassword username={username} />
            <PasswordField
              name="password"
              label={t('auth.linkYourPassword')}
              hint={t('account.passwordMayBeNone')}
              error={wrong}
              value={password}
              onChange={(event) => {
                setPassword(event.currentTarget.value);
                clear();
              }}
              autoComplete="current-password"
              data-autofocus
            />
          </>
        )}
        {error !== null && !refused && <Refusal error={error}>{linkProblem(error, t)}</Refusal>}
        <DialogActions>
          {!done && <Button onClick={onClose}>{t('ui.cancel')}</Button>}
          {/* One button, so that it keeps the focus. */}
          <Button type="submit" look="primary" busy={busy}>
            {t(done ? 'ui.close' : 'auth.link')}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
