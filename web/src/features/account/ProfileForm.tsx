/** The name that others see, and the address with which one can sign in. */
import { useRef, useState, type SubmitEvent } from 'react';
import { useTranslation } from 'react-i18next';
import type { Porcupine, Profile } from '@porcupine/sdk';
import { usePorcupine } from '../../lib/client';
import { focusField } from '../../lib/focusField';
import { problemOf } from '../../lib/problems';
import { useLoaded } from '../../lib/useLoaded';
import { usePending } from '../../lib/usePending';
import { Button } from '../../ui/Button';
import { Done } from '../../ui/Done';
import { Field } from '../../ui/Field';
import { Refusal } from '../../ui/Refusal';
import { LoadRefusal } from './LoadRefusal';
import { checkProfile, type ProfileEntry } from './checkProfile';
import styles from './ProfileForm.module.css';

const load = (porcupine: Porcupine) => porcupine.profile();

export function ProfileForm({ username }: { username: string }) {
  const { t } = useTranslation();
  const { value: profile, error, reload } = useLoaded(load);
  if (profile !== null) return <Form username={username} loaded={profile} />;
  if (error === null) {
    return (
      // As tall as what is to come, so that nothing below it jumps.
      <fieldset className={styles.loading} aria-busy="true" disabled>
        <Field label={t('auth.displayName')} hint={t('account.usernameStays', { username })} value="" readOnly />
        <Field label={t('account.email')} hint={t('account.emailHint')} value="" readOnly />
        <Button wide>{t('account.save')}</Button>
      </fieldset>
    );
  }
  return <LoadRefusal error={error} reload={reload} />;
}

function Form({ username, loaded }: { username: string; loaded: Profile }) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const { busy, error, run, clear } = usePending();
  const form = useRef<HTMLFormElement>(null);
  const [saved, setSaved] = useState(loaded);
  const [entry, setEntry] = useState<ProfileEntry>({ displayName: loaded.displayName, email: loaded.email ?? '' });
  const [invalid, setInvalid] = useState<Partial<ProfileEntry>>({});
  const [done, setDone] = useState(false);

  const taken = problemOf(error)?.code === 'conflict' ? t('account.emailTaken') : undefined;

  const change = (field: keyof ProfileEntry) => (event: { currentTarget: HTMLInputElement }) => {
    const { value } = event.currentTarget;
    setEntry((entry) => ({ ...entry, [field]: value }));
    setInvalid((invalid) => ({ ...invalid, [field]: undefined }));
    setDone(false);
    clear();
  };

  const save = async () => {
    const displayName = entry.displayName.trim();
    const email = entry.email.trim();
    const change = {
      ...(displayName === saved.displayName ? {} : { displayName }),
      ...(email === (saved.email ?? '') ? {} : { email }),
    };
    const now = Object.keys(change).length === 0 ? saved : await porcupine.changeProfile(change);
    setSaved(now);
    setEntry({ displayName: now.displayName, email: now.email ?? '' });
  };

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const found = checkProfile({ ...entry, email: entry.email.trim() }, t);
    setInvalid(found);
    const first = (['displayName', 'email'] as const).find((field) => found[field] !== undefined);
    if (first !== undefined) focusField(form.current, first);
    else if (await run(save, { conflict: () => focusField(form.current, 'email') })) setDone(true);
  };

  return (
    <form ref={form} className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
      <Field
        name="displayName"
        label={t('auth.displayName')}
        hint={t('account.usernameStays', { username })}
        error={invalid.displayName}
        value={entry.displayName}
        onChange={change('displayName')}
        autoComplete="name"
        required
      />
      <Field
        name="email"
        type="email"
        label={t('account.email')}
        hint={t('account.emailHint')}
        error={invalid.email ?? taken}
        value={entry.email}
        onChange={change('email')}
        autoComplete="email"
        spellCheck={false}
      />
      {error !== null && taken === undefined && <Refusal error={error} />}
      <Done>{done && t('account.saved')}</Done>
      <Button type="submit" busy={busy} wide>
        {t('account.save')}
      </Button>
    </form>
  );
}
