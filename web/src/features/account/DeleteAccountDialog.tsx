/** What goes with the account and what stays, and once more its password. Where it ends, the sign-in screen says so. */
import { useRef, useState, type SubmitEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { usePorcupine } from '../../lib/client';
import { focusField } from '../../lib/focusField';
import { problemOf } from '../../lib/problems';
import { usePending } from '../../lib/usePending';
import { Button } from '../../ui/Button';
import { Checkbox } from '../../ui/Checkbox';
import { Dialog, DialogActions } from '../../ui/Dialog';
import { PasswordField } from '../../ui/PasswordField';
import { Refusal } from '../../ui/Refusal';
import { WhosePassword } from '../../ui/WhosePassword';
import styles from './DeleteAccountDialog.module.css';

const goes = ['goesNames', 'goesMessages', 'goesRooms', 'goesHere'] as const;
const stays = ['staysRead', 'staysTrace', 'staysRooms', 'staysElsewhere', 'staysBackups'] as const;

interface DeleteAccountDialogProps {
  username: string;
  /** Whoever signs in at a provider may have no password; whether they have is known to the server alone. */
  mayHaveNone: boolean;
  onClose: () => void;
}

export function DeleteAccountDialog({ username, mayHaveNone, onClose }: DeleteAccountDialogProps) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const { busy, error, run, clear } = usePending();
  const form = useRef<HTMLFormElement>(null);
  const [password, setPassword] = useState('');
  const [sure, setSure] = useState(false);
  const [asked, setAsked] = useState(false);

  const missing = asked && password === '' && !mayHaveNone;
  const refused = problemOf(error)?.code === 'bad_credentials';
  const wrong = refused ? t(password === '' ? 'account.deleteSignInAgain' : 'account.deleteWrongPassword') : undefined;

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setAsked(true);
    const field = password === '' && !mayHaveNone ? 'password' : sure ? null : 'sure';
    if (field !== null) focusField(form.current, field);
    else await run(erase, { bad_credentials: () => focusField(form.current, 'password') });
  };

  const erase = () => porcupine.eraseAccount({ password: password === '' ? null : password });

  return (
    <Dialog title={t('account.deleteTitle', { username })} onClose={onClose}>
      <h3 className={styles.heading}>{t('account.goes')}</h3>
      <ul className={styles.list}>
        {goes.map((key) => (
          <li key={key}>{t(`account.${key}`)}</li>
        ))}
      </ul>
      <h3 className={styles.heading}>{t('account.stays')}</h3>
      <ul className={styles.list}>
        {stays.map((key) => (
          <li key={key}>{t(`account.${key}`)}</li>
        ))}
      </ul>
      <form ref={form} className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
        <WhosePassword username={username} />
        <PasswordField
          name="password"
          label={t('account.deletePassword')}
          hint={mayHaveNone ? t('account.passwordMayBeNone') : undefined}
          error={missing ? t('auth.required') : wrong}
          value={password}
          onChange={(event) => {
            setPassword(event.currentTarget.value);
            clear();
          }}
          autoComplete="current-password"
          required={!mayHaveNone}
        />
        <Checkbox
          name="sure"
          label={t('account.deleteSure')}
          error={asked && !sure ? t('account.deleteNotSure') : undefined}
          checked={sure}
          onChange={(event) => setSure(event.currentTarget.checked)}
        />
        {error !== null && wrong === undefined && <Refusal error={error} />}
        <DialogActions>
          <Button onClick={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" look="danger" busy={busy}>
            {t('account.deleteForGood')}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
