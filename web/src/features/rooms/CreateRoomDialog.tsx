/** Makes a room. Its name is the one thing typed here, and the dialog says who can read it. */
import { useState, type SubmitEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { usePorcupine } from '../../lib/client';
import { wordsFor } from '../../lib/problems';
import { usePending } from '../../lib/usePending';
import { Button } from '../../ui/Button';
import { Callout } from '../../ui/Callout';
import { Dialog, DialogActions } from '../../ui/Dialog';
import { Field } from '../../ui/Field';
import styles from './CreateRoomDialog.module.css';

const LONGEST = 100;

export function CreateRoomDialog({ onClose, onCreated }: { onClose: () => void; onCreated: (id: string) => void }) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const { busy, error, run, clear } = usePending();
  const [name, setName] = useState('');
  const [invalid, setInvalid] = useState<string | null>(null);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const wanted = name.trim();
    if (wanted === '') {
      setInvalid(t('auth.required'));
      return;
    }
    if (Array.from(wanted).length > LONGEST) {
      setInvalid(t('rooms.nameLength'));
      return;
    }
    await run(async () => {
      const room = await porcupine.createRoom(wanted);
      onCreated(room.id);
    });
  };

  return (
    <Dialog title={t('rooms.create')} onClose={onClose}>
      <form className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
        <Field
          label={t('rooms.name')}
          placeholder={t('rooms.namePlaceholder')}
          value={name}
          error={invalid ?? (error === null ? null : wordsFor(error, t))}
          onChange={(event) => {
            setName(event.currentTarget.value);
            setInvalid(null);
            clear();
          }}
          autoComplete="off"
          data-autofocus
          required
        />
        <Callout>{t('rooms.nameNote')}</Callout>
        <DialogActions>
          <Button onClick={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" look="primary" busy={busy}>
            {t('rooms.createAction')}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
