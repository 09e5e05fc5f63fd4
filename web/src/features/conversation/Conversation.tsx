/**
 * One room: its header, what was said, and where to write. What the room's state forbids is
 * said in place of what would be there. It owns no data; `app` gives it the open room.
 */
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Account, RoomSummary } from '@porcupine/sdk';
import type { Room } from '../../lib/client';
import { Button } from '../../ui/Button';
import { Callout } from '../../ui/Callout';
import { EmptyState } from '../../ui/EmptyState';
import { Icon } from '../../ui/Icon';
import { Composer } from './Composer';
import type { Drafts } from './drafts';
import styles from './Conversation.module.css';
import { Header } from './Header';
import { Timeline } from './Timeline';
import { TimelineSkeleton } from './TimelineSkeleton';
import { TypingLine } from './TypingLine';

interface ConversationProps {
  room: Room;
  summary: RoomSummary;
  account: Account;
  drafts: Drafts;
  membersShown: boolean;
  onMembers: () => void;
  onInvite: () => void;
  onLeave: () => void;
}

export function Conversation({ room, summary, account, drafts, membersShown, onMembers, onInvite, onLeave }: ConversationProps) {
  const { view } = room;
  const header = <Header room={summary} membersShown={membersShown} onMembers={onMembers} onInvite={onInvite} />;

  if (view === null || view.state === 'loading') return <Frame header={header}><TimelineSkeleton /></Frame>;
  if (view.state === 'pending') return <Frame header={header}><PendingNote name={summary.name} refusal={view.fault} onWithdraw={onLeave} /></Frame>;
  return (
    <Frame header={header}>
      {view.state === 'broken' && <BrokenNote fault={view.fault} />}
      {view.warnings.length > 0 && <WarningNote warnings={view.warnings} />}
      <Timeline view={view} handle={room.handle} onInvite={onInvite} />
      <TypingLine typing={view.typing} />
      <footer className={styles.footer}>
        {view.state === 'rekeying' && <RekeyingNote />}
        {view.state === 'gone' || view.state === 'broken' || account.keys === 'elsewhere' ? (
          <ClosedNote state={view.state} />
        ) : (
          <Composer key={summary.id} room={summary} handle={room.handle} drafts={drafts} waiting={account.keys === 'preparing'} />
        )}
      </footer>
    </Frame>
  );
}

function Frame({ header, children }: { header: ReactNode; children: ReactNode }) {
  return (
    <div className={styles.conversation}>
      {header}
      {children}
    </div>
  );
}

/** Waiting may have no end, so it offers the way out that members have in their panel. */
function PendingNote({ name, refusal, onWithdraw }: { name: string; refusal: string | null; onWithdraw: () => void }) {
  const { t } = useTranslation();
  return (
    <div className={styles.middle} role="status">
      <EmptyState
        mark={<span className={styles.pulse}><Icon name="key" size={32} /></span>}
        title={t('conversation.pendingTitle')}
        actions={<Button icon="leave" onClick={onWithdraw}>{t('conversation.withdraw')}</Button>}
      >
        {refusal === null ? t('conversation.pendingText', { room: name }) : t('conversation.pendingInVain', { reason: refusal })}
      </EmptyState>
    </div>
  );
}

function BrokenNote({ fault }: { fault: string | null }) {
  const { t } = useTranslation();
  return (
    <div className={styles.top}>
      <Callout tone="danger">
        <strong>{t('conversation.brokenTitle')}</strong>
        <p>{t('conversation.brokenText')}</p>
        {fault !== null && <p className={styles.fault}>{fault}</p>}
      </Callout>
    </div>
  );
}

function WarningNote({ warnings }: { warnings: readonly string[] }) {
  return (
    <div className={styles.note} role="status" data-testid="warnings">
      <Callout tone="warn" icon="alert">
        {warnings.map((warning) => (
          <p key={warning}>{warning}</p>
        ))}
      </Callout>
    </div>
  );
}

function RekeyingNote() {
  const { t } = useTranslation();
  return (
    <div className={styles.note} role="status">
      <Callout tone="warn" icon="key">
        {t('conversation.rekeying')}
      </Callout>
    </div>
  );
}

function ClosedNote({ state }: { state: string }) {
  const { t } = useTranslation();
  if (state === 'broken') return null;
  return (
    <div className={styles.closed}>
      <Callout icon={state === 'gone' ? 'leave' : 'key'}>
        {state === 'gone' ? t('conversation.gone') : t('conversation.keysElsewhere')}
      </Callout>
    </div>
  );
}
