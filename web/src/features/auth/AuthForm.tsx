/** The form of either mode. What the user typed lives here and nowhere else; the password is never kept. */
import { useRef, useState, type SubmitEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { usePorcupine } from '../../lib/client';
import { usePending } from '../../lib/usePending';
import { Button } from '../../ui/Button';
import { Field } from '../../ui/Field';
import { Refusal } from '../../ui/Refusal';
import styles from './AuthForm.module.css';
import { checkEntry, refusedField, type Entry, type FieldErrors, type Mode } from './validate';

export function AuthForm({ mode }: { mode: Mode }) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const { busy, error, run, clear } = usePending();
  const form = useRef<HTMLFormElement>(null);
  const [entry, setEntry] = useState<Entry>({ username: '', displayName: '', password: '' });
  const [invalid, setInvalid] = useState<FieldErrors>({});

  const refused = error === null ? {} : refusedField(mode, error, t);
  const errors = { ...refused, ...invalid };
  const unplaced = error !== null && Object.keys(refused).length === 0;

  const change = (field: keyof Entry) => (event: { currentTarget: HTMLInputElement }) => {
    const { value } = event.currentTarget;
    setEntry((entry) => ({ ...entry, [field]: value }));
    setInvalid((errors) => ({ ...errors, [field]: undefined }));
    clear();
  };

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const username = entry.username.trim();
    const found = checkEntry(mode, { ...entry, username }, t);
    setInvalid(found);
    const first = (['username', 'displayName', 'password'] as const).find((field) => found[field] !== undefined);
    if (first !== undefined) {
      focusField(first);
      return;
    }
    const done = await run(() =>
      mode === 'signIn'
        ? porcupine.signIn({ username, password: entry.password })
        : porcupine.register({ username, password: entry.password, displayName: entry.displayName.trim() || username }),
    );
    if (!done) focusField(mode === 'signIn' ? 'password' : 'username');
  };

  const focusField = (name: keyof Entry) => {
    form.current?.querySelector<HTMLInputElement>(`input[name="${name}"]`)?.focus();
  };

  return (
    <form ref={form} className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
      <Field
        name="username"
        label={t('auth.username')}
        hint={mode === 'register' ? t('auth.usernameHint') : undefined}
        error={errors.username}
        value={entry.username}
        onChange={change('username')}
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        required
      />
      {mode === 'register' && (
        <Field
          name="displayName"
          label={t('auth.displayName')}
          hint={t('auth.displayNameHint')}
          error={errors.displayName}
          value={entry.displayName}
          onChange={change('displayName')}
          autoComplete="name"
        />
      )}
      <Field
        name="password"
        type="password"
        label={t('auth.password')}
        hint={mode === 'register' ? t('auth.passwordHint') : undefined}
        error={errors.password}
        value={entry.password}
        onChange={change('password')}
        autoComplete={mode === 'register' ? 'new-password' : 'current-password'}
        required
      />
      {unplaced && <Refusal error={error} />}
      <Button type="submit" look="primary" wide busy={busy}>
        {t(`auth.${mode}`)}
      </Button>
    </form>
  );
}
