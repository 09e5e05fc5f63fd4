/** What a room's log looks like to its user: events and queued messages become timeline items. Pure. */
import type { WireEvent } from '../client/wire.ts';
import type { LogState } from '../crypto/index.ts';
import type { TimelineItem, User } from '../model.ts';
import { failureWords } from './opening.ts';
import type { OutgoingMessage } from './outbox.ts';
import { userIdIn } from './people.ts';
import type { Opened, WindowEvent } from './window.ts';

export interface TimelineContext {
  me: string;
  log: LogState | null;
  user(id: string): User;
}

type Message = Extract<TimelineItem, { type: 'message' }>;
type Notice = Extract<TimelineItem, { type: 'notice' }>;

export function timelineOf(
  events: readonly WindowEvent[],
  outgoing: readonly OutgoingMessage[],
  context: TimelineContext,
): TimelineItem[] {
  const items: TimelineItem[] = [];
  const shown = new Set<string>();
  for (const { event, opened } of events) {
    const item = opened === null ? noticeOf(event, context) : messageOf(event, opened, context);
    if (item !== null) {
      items.push(item);
      shown.add(item.key);
    }
  }
  for (const message of outgoing) {
    const item = outgoingOf(message, context);
    if (!shown.has(item.key)) {
      items.push(item);
    }
  }
  return items;
}

/** Items of readable messages, so that one that did not change is the same object in the next timeline. */
const readable = new WeakMap<Opened, Message>();

function messageOf(event: WireEvent, opened: Opened, context: TimelineContext): TimelineItem {
  const sender = event.sender === null ? null : context.user(event.sender);
  // Server-written rows may repeat a client id; a key must not.
  const key = opened.failure === 'replayed' || event.client_id === null ? `seq-${event.seq}` : event.client_id;
  const at = new Date(event.created_at);
  if (opened.text !== null && sender !== null) {
    const known = readable.get(opened);
    if (known?.sender === sender) {
      return known;
    }
    const item: Message = {
      type: 'message',
      key,
      seq: event.seq,
      sender,
      own: sender.id === context.me,
      text: opened.text,
      at,
      delivery: 'sent',
      problem: null,
    };
    readable.set(opened, item);
    return item;
  }
  const failure = opened.failure ?? 'malformed';
  return {
    type: 'unreadable',
    key,
    seq: event.seq,
    sender,
    at,
    reason: failure === 'no_key' ? keyReason(event, context) : reasonOf(failure),
    detail: failureWords[failure],
  };
}

function reasonOf(failure: NonNullable<Opened['failure']>): 'tampered' | 'unknown-format' {
  return failure === 'malformed' || failure === 'unsupported' ? 'unknown-format' : 'tampered';
}

/** An epoch that began before this user was in the log was never meant for this device. */
function keyReason(event: WireEvent, { log, me }: TimelineContext): 'before-joining' | 'waiting-for-key' {
  const began = log?.epochs.find(({ epoch }) => epoch === event.epoch)?.index;
  const joined = log?.members.get(me)?.since;
  return began !== undefined && joined !== undefined && began < joined ? 'before-joining' : 'waiting-for-key';
}

function noticeOf(event: WireEvent, context: TimelineContext): Notice | null {
  const data = event.data ?? {};
  const person = userIdIn(data['user']);
  const subject = person === null ? null : context.user(person);
  const make = (notice: Notice['notice'], parts: Partial<Notice> = {}): Notice => ({
    type: 'notice',
    key: `seq-${event.seq}`,
    seq: event.seq,
    at: new Date(event.created_at),
    notice,
    subject,
    by: 'server',
    text: null,
    ...parts,
  });
  switch (event.kind) {
    case 'member.joined':
      if (data['via'] === 'create') {
        return make('created', { by: joinedByLog(context.log, person) });
      }
      return make(data['role'] === 'pending' ? 'waiting' : 'joined');
    case 'member.role':
      return data['role'] === 'pending' ? null : make('let-in', { by: joinedByLog(context.log, person) });
    case 'member.left':
      return make('left', { by: leftByLog(context.log, person) });
    case 'member.removed':
      return make('removed', { by: leftByLog(context.log, person) });
    case 'room.renamed':
      return make('renamed', { text: typeof data['name'] === 'string' ? data['name'] : null });
    case 'epoch':
      return data['epoch'] === 0 ? null : make('new-key', { by: epochByLog(context.log, data['epoch']) });
    default:
      // Control entries show by what they change; kinds of later versions are no messages.
      return null;
  }
}

function joinedByLog(log: LogState | null, user: string | null): 'signed' | 'server' {
  return log?.spans.some(({ member }) => member.user === user) === true ? 'signed' : 'server';
}

function leftByLog(log: LogState | null, user: string | null): 'signed' | 'server' {
  const spans = log?.spans.filter(({ member }) => member.user === user) ?? [];
  return spans.length > 0 && spans.every(({ until }) => until !== null) ? 'signed' : 'server';
}

function epochByLog(log: LogState | null, epoch: unknown): 'signed' | 'server' {
  return log?.epochs.some((one) => one.epoch === epoch) === true ? 'signed' : 'server';
}

function outgoingOf({ record, text }: OutgoingMessage, context: TimelineContext): TimelineItem {
  const failed = record.state === 'failed';
  return {
    type: 'message',
    key: record.clientId,
    seq: record.seq,
    sender: context.user(context.me),
    own: true,
    text,
    at: new Date(record.at),
    delivery: failed ? 'failed' : record.state === 'sent' ? 'sent' : 'sending',
    problem: failed ? record.problem : null,
  };
}
