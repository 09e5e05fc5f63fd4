/** An open room: the conversation, its members beside it (or above it where it is narrow), and the dialogs. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Account, RoomSummary } from '@porcupine/sdk';
import { Conversation, type Drafts } from '../features/conversation';
import { InviteDialog } from '../features/invite';
import { LeaveDialog, MembersPanel } from '../features/members';
import { useRoom } from '../lib/client';
import { homePath, navigate } from '../lib/router';
import { useMedia, WIDE } from '../lib/useMedia';
import { IconButton } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import styles from './RoomPage.module.css';

export function OpenRoom({ summary, account, drafts }: { summary: RoomSummary; account: Account; drafts: Drafts }) {
  const { t } = useTranslation();
  const wide = useMedia(WIDE);
  const room = useRoom(summary.id);
  const [membersShown, setMembersShown] = useState(false);
  const [dialog, setDialog] = useState<'invite' | 'leave' | null>(null);

  const hideMembers = () => setMembersShown(false);
  const show = (next: 'invite' | 'leave') => {
    if (!wide) hideMembers();
    setDialog(next);
  };
  const members = (
    <MembersPanel
      room={summary}
      members={room.view?.members ?? null}
      account={account}
      onInvite={() => show('invite')}
      onLeave={() => show('leave')}
    />
  );

  return (
    <div className={styles.open}>
      <Conversation
        room={room}
        summary={summary}
        account={account}
        drafts={drafts}
        membersShown={membersShown}
        onMembers={() => setMembersShown((shown) => !shown)}
        onInvite={() => show('invite')}
        onLeave={() => show('leave')}
      />
      {membersShown && wide && (
        <aside className={styles.aside} aria-labelledby="members-title">
          <header className={styles.asideHeader}>
            <h2 id="members-title">{t('members.title')}</h2>
            <IconButton icon="close" label={t('ui.close')} onClick={hideMembers} />
          </header>
          <div className={styles.asideBody}>{members}</div>
        </aside>
      )}
      {membersShown && !wide && (
        <Dialog title={t('members.title')} side onClose={hideMembers}>
          {members}
        </Dialog>
      )}
      {dialog === 'invite' && <InviteDialog room={summary} onClose={() => setDialog(null)} />}
      {dialog === 'leave' && (
        <LeaveDialog
          room={summary}
          waiting={room.view?.state === 'pending'}
          onClose={() => setDialog(null)}
          onLeft={() => navigate(homePath, { replace: true })}
        />
      )}
    </div>
  );
}
