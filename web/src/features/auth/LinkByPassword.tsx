/**
 * An account here has the address that a provider vouches for. Its password links the two and signs in; who has another account in mind
 * gets a new one. Closing decides nothing. The password is never kept.
 */
import { useRef, useState, type SubmitEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { usePorcupine } from '../../lib/client';
import { focusField } from '../../lib/focusField';
import { problemOf } from '../../lib/problems';
import { usePending } from '../../lib/usePending';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { PasswordField } from '../../ui/PasswordField';
import { Refusal } from '../../ui/Refusal';
import { WhosePassword } from '../../ui/WhosePassword';
import styles from './LinkByPassword.module.css';
import { linkProblem } from './linkProblem';

interface LinkByPasswordProps {
  email: string;
  provider: string;
  onClose: () => void;
}

export function LinkByPassword({ email, provider, onClose }: LinkByPasswordProps) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const { busy, error, run, clear } = usePending();
  const form = useRef<HTMLFormElement>(null);
  const [password, setPassword] = useState('');
  const [missing, setMissing] = useState(false);
  const [doing, setDoing] = useState<'confirm' | 'decline'>('confirm');
  const names = { provider, email };
  const wrong = problemOf(error)?.code === 'bad_credentials';

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setMissing(password === '');
    setDoing('confirm');
    if (password === '') focusField(form.current, 'password');
    else if (await run(confirm, { bad_credentials: () => focusField(form.current, 'password') })) onClose();
  };
  const confirm = () => porcupine.confirmLink(password);
  const decline = async () => {
    setDoing('decline');
    if (await run(() => porcupine.declineLink())) onClose();
  };

  const fieldError = () => {
    if (missing) return t('auth.required');
    return wrong ? t('auth.linkWrongPassword', names) : undefined;
  };

  return (
    <Dialog title={t('auth.linkTitle', names)} onClose={onClose}>
      <p>{t('auth.linkByPassword', names)}</p>
      <form ref={form} className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
        <WhosePassword username={email} />
        <PasswordField
          name="password"
          label={t('auth.linkPassword')}
          error={fieldError()}
          value={password}
          onChange={(event) => {
            setPassword(event.currentTarget.value);
            setMissing(false);
            clear();
          }}
          autoComplete="current-password"
          data-autofocus
          required
        />
        {error !== null && !wrong && <Refusal error={error}>{linkProblem(error, t)}</Refusal>}
        <Button type="submit" look="primary" wide busy={busy && doing === 'confirm'}>
          {t('auth.linkAndSignIn')}
        </Button>
      </form>
      <div className={styles.other}>
        <p id="link-decline" className={styles.decline}>{t('auth.declineText', names)}</p>
        <Button wide busy={busy && doing === 'decline'} aria-describedby="link-decline" onClick={() => void decline()}>
          {t('auth.decline')}
        </Button>
      </div>
    </Dialog>
  );
}
