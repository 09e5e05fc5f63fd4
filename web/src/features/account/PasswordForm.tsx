/** The password, once more and anew. Neither is kept beyond the form. */
import { useRef, useState, type SubmitEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { usePorcupine } from '../../lib/client';
import { problemOf } from '../../lib/problems';
import { usePending } from '../../lib/usePending';
import { useProviders } from '../../lib/useProviders';
import { Button } from '../../ui/Button';
import { Field } from '../../ui/Field';
import { Refusal } from '../../ui/Refusal';
import { WhosePassword } from '../../ui/WhosePassword';
import styles from './PasswordForm.module.css';

interface Entry {
  old: string;
  fresh: string;
}

const nothing: Entry = { old: '', fresh: '' };

export function PasswordForm({ username, onChanged }: { username: string; onChanged: () => void }) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const { busy, error, run, clear } = usePending();
  const form = useRef<HTMLFormElement>(null);
  const [entry, setEntry] = useState(nothing);
  const [invalid, setInvalid] = useState<Partial<Entry>>({});
  const [done, setDone] = useState(false);

  // Somebody who signs in at a provider may have no password yet; whether they have is known to the server alone.
  const mayHaveNone = useProviders().length > 0;
  const refused = problemOf(error)?.code === 'bad_credentials';
  const wrong = refused ? t(entry.old === '' ? 'account.noPasswordGiven' : 'account.wrongPassword') : undefined;

  const change = (field: keyof Entry) => (event: { currentTarget: HTMLInputElement }) => {
    const { value } = event.currentTarget;
    setEntry((entry) => ({ ...entry, [field]: value }));
    setInvalid((invalid) => ({ ...invalid, [field]: undefined }));
    setDone(false);
    clear();
  };

  const focus = (field: keyof Entry) => form.current?.querySelector<HTMLInputElement>(`input[name="${field}"]`)?.focus();

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const found: Partial<Entry> = {};
    const length = Array.from(entry.fresh).length;
    if (entry.old === '' && !mayHaveNone) found.old = t('auth.required');
    if (length < 8) found.fresh = t('auth.passwordLength');
    else if (length > 256) found.fresh = t('auth.passwordTooLong');
    setInvalid(found);
    if (found.old !== undefined || found.fresh !== undefined) {
      focus(found.old === undefined ? 'fresh' : 'old');
    } else if (await run(() => porcupine.changePassword({ oldPassword: entry.old === '' ? null : entry.old, newPassword: entry.fresh }))) {
      setEntry(nothing);
      setDone(true);
      onChanged();
    } else {
      focus('old');
    }
  };

  return (
    <form ref={form} className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
      <WhosePassword username={username} />
      <Field
        name="old"
        type="password"
        label={t('account.oldPassword')}
        hint={mayHaveNone ? t('account.oldPasswordHint') : undefined}
        error={invalid.old ?? wrong}
        value={entry.old}
        onChange={change('old')}
        autoComplete="current-password"
        required={!mayHaveNone}
      />
      <Field
        name="fresh"
        type="password"
        label={t('account.newPassword')}
        hint={t('account.passwordHint')}
        error={invalid.fresh}
        value={entry.fresh}
        onChange={change('fresh')}
        autoComplete="new-password"
        required
      />
      {error !== null && wrong === undefined && <Refusal error={error} />}
      <p className={styles.done} role="status">
        {done && t('account.passwordChanged')}
      </p>
      <Button type="submit" busy={busy} wide>
        {t('account.changePassword')}
      </Button>
    </form>
  );
}
