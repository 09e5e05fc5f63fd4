/** Joins by a typed code, or by a link that was pasted instead of opened. */
import { useState, type SubmitEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { usePorcupine } from '../../lib/client';
import { problemOf, wordsFor } from '../../lib/problems';
import { usePending } from '../../lib/usePending';
import { Button } from '../../ui/Button';
import { Dialog, DialogActions } from '../../ui/Dialog';
import { Field } from '../../ui/Field';
import styles from './JoinDialog.module.css';
import { readTicket } from './readTicket';

export function JoinDialog({ onClose, onJoined }: { onClose: () => void; onJoined: (room: string) => void }) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const { busy, error, run, clear } = usePending();
  const [typed, setTyped] = useState('');
  const [invalid, setInvalid] = useState(false);

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const ticket = readTicket(typed);
    if (ticket === null) {
      setInvalid(true);
      return;
    }
    void run(async () => {
      const room = await (ticket.by === 'link' ? porcupine.joinByLink(ticket.link) : porcupine.joinByCode(ticket.code));
      onJoined(room.id);
    });
  };

  const refused = () => {
    if (error === null) return null;
    return problemOf(error)?.code === 'not_found' ? t('invite.codeUnknown') : wordsFor(error, t);
  };

  return (
    <Dialog title={t('invite.joinTitle')} onClose={onClose}>
      <form className={styles.form} onSubmit={submit} noValidate>
        <Field
          label={t('invite.codeOrLink')}
          hint={t('invite.codeHint')}
          placeholder={t('invite.codePlaceholder')}
          error={invalid ? t('invite.codeInvalid') : refused()}
          value={typed}
          code={typed.length <= 7}
          onChange={(event) => {
            setTyped(event.currentTarget.value);
            setInvalid(false);
            clear();
          }}
          autoComplete="off"
          autoCapitalize="characters"
          spellCheck={false}
          data-autofocus
          required
        />
        <DialogActions>
          <Button onClick={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" look="primary" busy={busy}>
            {t('invite.joinAction')}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
