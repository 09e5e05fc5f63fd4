/** The password, once more and anew. Neither is kept beyond the form. */
import { useRef, useState, type SubmitEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { usePorcupine } from '../../lib/client';
import { focusField } from '../../lib/focusField';
import { problemOf } from '../../lib/problems';
import { usePending } from '../../lib/usePending';
import { Button } from '../../ui/Button';
import { Done } from '../../ui/Done';
import { PasswordField } from '../../ui/PasswordField';
import { Refusal } from '../../ui/Refusal';
import { WhosePassword } from '../../ui/WhosePassword';
import styles from './PasswordForm.module.css';

interface Entry {
  old: string;
  fresh: string;
}

const nothing: Entry = { old: '', fresh: '' };

interface PasswordFormProps {
  username: string;
  /** Whoever signs in at a provider may have none yet; whether they have is known to the server alone. */
  mayHaveNone: boolean;
  onChanged: () => void;
}

export function PasswordForm({ username, mayHaveNone, onChanged }: PasswordFormProps) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const { busy, error, run, clear } = usePending();
  const form = useRef<HTMLFormElement>(null);
  const [entry, setEntry] = useState(nothing);
  const [invalid, setInvalid] = useState<Partial<Entry>>({});
  const [done, setDone] = useState(false);

  const refused = problemOf(error)?.code === 'bad_credentials';
  const wrong = refused ? t(entry.old === '' ? 'account.noPasswordGiven' : 'account.wrongPassword') : undefined;

  const change = (field: keyof Entry) => (event: { currentTarget: HTMLInputElement }) => {
    const { value } = event.currentTarget;
    setEntry((entry) => ({ ...entry, [field]: value }));
    setInvalid((invalid) => ({ ...invalid, [field]: undefined }));
    setDone(false);
    clear();
  };

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const found: Partial<Entry> = {};
    const length = Array.from(entry.fresh).length;
    if (entry.old === '' && !mayHaveNone) found.old = t('auth.required');
    if (length < 8) found.fresh = t('auth.passwordLength');
    else if (length > 256) found.fresh = t('auth.passwordTooLong');
    setInvalid(found);
    if (found.old !== undefined || found.fresh !== undefined) {
      focusField(form.current, found.old === undefined ? 'fresh' : 'old');
    } else if (await run(send, { bad_credentials: () => focusField(form.current, 'old') })) {
      setEntry(nothing);
      setDone(true);
      onChanged();
    }
  };

  const send = () => porcupine.changePassword({ oldPassword: entry.old === '' ? null : entry.old, newPassword: entry.fresh });

  return (
    <form ref={form} className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
      <WhosePassword username={username} />
      <PasswordField
        name="old"
        label={t('account.oldPassword')}
        hint={mayHaveNone ? t('account.oldPasswordHint') : undefined}
        error={invalid.old ?? wrong}
        value={entry.old}
        onChange={change('old')}
        autoComplete="current-password"
        required={!mayHaveNone}
      />
      <PasswordField
        name="fresh"
        label={t('account.newPassword')}
        hint={t('account.passwordHint')}
        error={invalid.fresh}
        value={entry.fresh}
        onChange={change('fresh')}
        autoComplete="new-password"
        required
      />
      {error !== null && wrong === undefined && <Refusal error={error} />}
      <Done>{done && t('account.passwordChanged')}</Done>
      <Button type="submit" busy={busy} wide>
        {t('account.changePassword')}
      </Button>
    </form>
  );
}
