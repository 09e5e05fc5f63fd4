/** Makes an invite link. The finished link is kept in this component and goes when the dialog does. */
import { useState, type SubmitEvent } from 'react';
import { useTranslation } from 'react-i18next';
import type { RoomSummary } from '@porcupine/sdk';
import { usePorcupine } from '../../lib/client';
import { wordsFor } from '../../lib/problems';
import { usePending } from '../../lib/usePending';
import { Button } from '../../ui/Button';
import { Callout } from '../../ui/Callout';
import { CopyButton } from '../../ui/CopyButton';
import { Select } from '../../ui/Select';
import styles from './InviteDialog.module.css';

const HOUR = 3600;

const lifetimes = [
  { seconds: HOUR, label: 'invite.hour' },
  { seconds: 24 * HOUR, label: 'invite.day' },
  { seconds: 7 * 24 * HOUR, label: 'invite.week' },
  { seconds: 30 * 24 * HOUR, label: 'invite.month' },
] as const;

const uses = [1, 5, 10, 50] as const;
const UNLIMITED = 'unlimited';

export function InviteLink({ room }: { room: RoomSummary }) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const { busy, error, run } = usePending();
  const [expiresIn, setExpiresIn] = useState(String(7 * 24 * HOUR));
  const [maxUses, setMaxUses] = useState('10');
  const [link, setLink] = useState<string | null>(null);

  const make = (event: SubmitEvent) => {
    event.preventDefault();
    void run(async () => {
      const limit = maxUses === UNLIMITED ? null : Number(maxUses);
      setLink(await porcupine.createInvite(room.id, { expiresIn: Number(expiresIn), maxUses: limit }));
    });
  };

  if (link !== null) return <FinishedLink link={link} onAgain={() => setLink(null)} />;
  return (
    <form className={styles.section} onSubmit={make}>
      <div className={styles.choices}>
        <Select label={t('invite.expiry')} value={expiresIn} onChange={setExpiresIn} data-autofocus>
          {lifetimes.map(({ seconds, label }) => (
            <option key={seconds} value={seconds}>
              {t(label)}
            </option>
          ))}
        </Select>
        <Select label={t('invite.uses')} value={maxUses} onChange={setMaxUses}>
          {uses.map((count) => (
            <option key={count} value={count}>
              {count === 1 ? t('invite.once') : t('invite.times', { count })}
            </option>
          ))}
          <option value={UNLIMITED}>{t('invite.unlimited')}</option>
        </Select>
      </div>
      {error !== null && <Callout tone="danger">{wordsFor(error, t)}</Callout>}
      <Button type="submit" look="primary" icon="link" wide busy={busy}>
        {t('invite.make')}
      </Button>
    </form>
  );
}

function FinishedLink({ link, onAgain }: { link: string; onAgain: () => void }) {
  const { t } = useTranslation();
  return (
    <section className={styles.section} aria-label={t('invite.byLink')}>
      <input
        ref={(input) => input?.focus()}
        className={styles.link}
        readOnly
        value={link}
        aria-label={t('invite.link')}
        data-testid="invite-link"
        onFocus={({ currentTarget }) => {
          currentTarget.select();
          // Selecting scrolls to the end; the beginning says what it is.
          currentTarget.scrollLeft = 0;
        }}
      />
      <div className={styles.linkActions}>
        <Button onClick={onAgain}>{t('invite.newLink')}</Button>
        <CopyButton text={link} label={t('invite.copyLink')} primary />
      </div>
      <Callout tone="warn" icon="key">
        {t('invite.linkNote')}
      </Callout>
    </section>
  );
}
