/**
 * Where an invite link leads: what the invite is for, and joining it. The link comes as a
 * property and is never written anywhere from here.
 */
import { useTranslation } from 'react-i18next';
import { usePorcupine } from '../../lib/client';
import { fullDate } from '../../lib/dates';
import { problemOf, wordsFor } from '../../lib/problems';
import { usePending } from '../../lib/usePending';
import { Avatar } from '../../ui/Avatar';
import { Button } from '../../ui/Button';
import { Callout } from '../../ui/Callout';
import { EmptyState } from '../../ui/EmptyState';
import { Icon } from '../../ui/Icon';
import { Skeleton } from '../../ui/Skeleton';
import styles from './JoinPage.module.css';
import { usePreview } from './usePreview';

interface JoinPageProps {
  /** null after a reload, which forgets the secret. */
  link: string | null;
  onJoined: (room: string) => void;
  onDismiss: () => void;
}

export function JoinPage({ link, onJoined, onDismiss }: JoinPageProps) {
  const { t } = useTranslation();
  return (
    <div className={styles.page}>
      {link === null ? (
        <EmptyState
          level="h1"
          mark={<Icon name="link" size={32} />}
          title={t('invite.lostTitle')}
          actions={<Button onClick={onDismiss}>{t('invite.toRooms')}</Button>}
        >
          {t('invite.lostText')}
        </EmptyState>
      ) : (
        <Invitation key={link} link={link} onJoined={onJoined} onDismiss={onDismiss} />
      )}
    </div>
  );
}

function Invitation({ link, onJoined, onDismiss }: { link: string; onJoined: (room: string) => void; onDismiss: () => void }) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const preview = usePreview(link);
  const { busy, error, run } = usePending();

  const join = () =>
    run(async () => {
      const room = await porcupine.joinByLink(link);
      onJoined(room.id);
    });

  if (preview.state === 'checking') {
    return (
      <div className={styles.checking} role="status">
        <span className="visually-hidden">{t('invite.checking')}</span>
        <Skeleton width="56px" height="56px" />
        <Skeleton width="220px" height="1.2em" />
        <Skeleton width="140px" />
      </div>
    );
  }

  if (preview.state === 'refused') {
    const words = problemOf(preview.error)?.code === 'not_found' ? t('problem.not_found') : wordsFor(preview.error, t);
    return (
      <EmptyState
        level="h1"
        mark={<Icon name="alert" size={32} />}
        title={t('invite.badTitle')}
        actions={<Button onClick={onDismiss}>{t('invite.toRooms')}</Button>}
      >
        {words}
      </EmptyState>
    );
  }

  const { roomName, memberCount, expiresAt } = preview.invite;
  return (
    <EmptyState
      level="h1"
      mark={<Avatar id={roomName} name={roomName} size="large" square />}
      title={t('invite.previewTitle', { room: roomName })}
      actions={
        <>
          <Button onClick={onDismiss}>{t('invite.notNow')}</Button>
          <Button look="primary" busy={busy} onClick={() => void join()}>
            {t('invite.joinRoom')}
          </Button>
        </>
      }
    >
      <p>{t('invite.previewMembers', { count: memberCount })}</p>
      {expiresAt !== null && <p className={styles.small}>{t('invite.previewExpires', { date: fullDate(expiresAt) })}</p>}
      <p className={styles.small}>{t('invite.previewNote')}</p>
      {error !== null && <Callout tone="danger">{wordsFor(error, t)}</Callout>}
    </EmptyState>
  );
}
