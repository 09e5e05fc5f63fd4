/** What goes with the account and what stays, and once more its password. Where it ends, the sign-in screen says so. */
import { useRef, useState, type SubmitEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { usePorcupine } from '../../lib/client';
import { problemOf } from '../../lib/problems';
import { usePending } from '../../lib/usePending';
import { useProviders } from '../../lib/useProviders';
import { Button } from '../../ui/Button';
import { Checkbox } from '../../ui/Checkbox';
import { Dialog, DialogActions } from '../../ui/Dialog';
import { Field } from '../../ui/Field';
import { Refusal } from '../../ui/Refusal';
import { WhosePassword } from '../../ui/WhosePassword';
import styles from './DeleteAccountDialog.module.css';

const goes = ['goesNames', 'goesMessages', 'goesRooms', 'goesHere'] as const;
const stays = ['staysRead', 'staysTrace', 'staysRooms', 'staysElsewhere', 'staysBackups'] as const;

export function DeleteAccountDialog({ username, onClose }: { username: string; onClose: () => void }) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const { busy, error, run, clear } = usePending();
  const form = useRef<HTMLFormElement>(null);
  const [password, setPassword] = useState('');
  const [sure, setSure] = useState(false);
  const [asked, setAsked] = useState(false);

  // Whether there is a password is known to the server alone.
  const mayHaveNone = useProviders().length > 0;
  const missing = asked && password === '' && !mayHaveNone;
  const refused = problemOf(error)?.code === 'bad_credentials';
  const wrong = refused ? t(password === '' ? 'account.deleteSignInAgain' : 'account.deleteWrongPassword') : undefined;

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setAsked(true);
    const field = password === '' && !mayHaveNone ? 'password' : sure ? null : 'sure';
    if (field !== null) focus(field);
    else if (!(await run(() => porcupine.eraseAccount({ password: password === '' ? null : password })))) focus('password');
  };

  const focus = (name: string) => form.current?.querySelector<HTMLInputElement>(`input[name="${name}"]`)?.focus();

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
        <Field
          name="password"
          type="password"
          label={t('account.deletePassword')}
          hint={mayHaveNone ? t('account.oldPasswordHint') : undefined}
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
