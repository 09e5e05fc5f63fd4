/** What a room's log looks like to its user: events and queued messages become timeline items. Pure. */
import type { WireEvent } from '../client/wire.ts';
import type { LogState } from '../crypto/index.ts';
import type { TimelineItem, User } from '../model.ts';
import { signedNotices, type SignedNotice } from './notices.ts';
import { failureWords } from './opening.ts';
import type { SeenBefore } from '../store/schema.ts';
import type { OutgoingMessage } from './outbox.ts';
import { userIdIn } from './people.ts';
import type { Opened, WindowEvent } from './window.ts';

export interface TimelineContext {
  me: string;
  device: string;
  log: LogState | null;
  /** Where the server showed an older or another history than this device has seen. */
  rewound: SeenBefore['rewound'];
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
  const rewound = context.rewound === null ? null : rewoundAt(context.rewound);
  const place = events.findIndex(({ event }) => event.seq > (context.rewound?.seq ?? Infinity));
  const signed = noticesWithin(events, context.log);
  const takenBack = takenBackIn(events);
  let next = 0;
  for (const [index, { event, opened }] of events.entries()) {
    if (rewound !== null && index === place) {
      items.push(rewound);
    }
    for (let one = signed[next]; one !== undefined && one.seq <= event.seq; one = signed[++next]) {
      items.push(signedItem(one, event, context));
    }
    const item = itemOf(event, opened, takenBack(event), context);
    if (item !== null) {
      items.push(item);
      shown.add(item.key);
    }
  }
  if (rewound !== null && place === -1) {
    items.push(rewound);
  }
  for (const message of outgoing) {
    const item = outgoingOf(message, context);
    if (!shown.has(item.key)) {
      items.push(item);
    }
  }
  return items;
}

/** Whether the server says later that it was: one message, or all that somebody has sent up to there. */
function takenBackIn(events: readonly WindowEvent[]): (event: WireEvent) => boolean {
  const single = new Set<number>();
  const until = new Map<string, number>();
  for (const { event } of events) {
    const person = userIdIn(event.data?.['user']);
    if (event.kind === 'redacted' && event.ref !== null) {
      single.add(event.ref);
    } else if (event.kind === 'redacted' && person !== null) {
      until.set(person, event.seq);
    }
  }
  return ({ seq, sender }) => single.has(seq) || (sender !== null && seq < (until.get(sender) ?? 0));
}

/** A message whose body is empty was taken back; so was one that this device still has, once the server has said so. */
function itemOf(event: WireEvent, opened: Opened | null, redacted: boolean, context: TimelineContext): TimelineItem | null {
  if (opened === null) {
    return noticeOf(event, context);
  }
  const item = messageOf(event, opened, context);
  return redacted || event.body === '' ? removedItem(event, item.key, context) : item;
}

/** Of an edit or a reaction that was taken back nothing is left to show. */
function removedItem(event: WireEvent, key: string, context: TimelineContext): TimelineItem | null {
  if (event.kind !== 'message') {
    return null;
  }
  return {
    type: 'unreadable',
    key,
    seq: event.seq,
    sender: event.sender === null ? null : context.user(event.sender),
    at: new Date(event.created_at),
    reason: 'removed',
    detail: '',
  };
}

/** What the log says about the stretch of the room that `events` cover. */
function noticesWithin(events: readonly WindowEvent[], log: LogState | null): SignedNotice[] {
  const first = events[0]?.event.seq ?? 0;
  return log === null ? [] : signedNotices(log).filter(({ seq }) => seq >= first);
}

/** The time is the server's word, of the event at that place. */
function signedItem({ seq, index, notice, user, by }: SignedNotice, event: WireEvent, context: TimelineContext): Notice {
  return {
    type: 'notice',
    key: `entry-${index}`,
    seq,
    at: new Date(event.created_at),
    notice,
    subject: context.user(user),
    by: 'signed',
    text: by === null ? null : context.user(by).displayName,
  };
}

/** Items of readable messages, so that one that did not change is the same object in the next timeline. */
const readable = new WeakMap<Opened, Message>();

function messageOf(event: WireEvent, opened: Opened, context: TimelineContext): TimelineItem {
  const sender = event.sender === null ? null : context.user(event.sender);
  // A client id is its device's to choose, and the server may repeat one: only an opened message's counts.
  const { device, client_id: clientId } = event;
  const key = opened.text === null || device === null || clientId === null ? `seq-${event.seq}` : keyOf(device, clientId);
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

/** The server's events. Of comings and goings they are shown where the log says nothing. */
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
      if (data['role'] === 'pending') {
        return make('waiting');
      }
      return joinedByLog(context.log, person) === 'signed' ? null : make('joined');
    case 'member.role':
      return noticeOfRole(data['role'], context.log, person, make);
    case 'member.left':
      return leftByLog(context.log, person) === 'signed' ? null : make('left');
    case 'member.removed':
      return leftByLog(context.log, person) === 'signed' ? null : make('removed');
    case 'room.renamed':
      return make('renamed', { text: typeof data['name'] === 'string' ? data['name'] : null });
    case 'system':
      return typeof data['text'] === 'string' ? make('system', { text: data['text'] }) : null;
    case 'epoch':
      return data['epoch'] === 0 ? null : make('new-key', { by: epochByLog(context.log, data['epoch']) });
    default:
      // Control entries show by what they change; kinds of later versions are no messages.
      return null;
  }
}

/** To be let in is a change of role, too: of an encrypted room, to member; the log says that itself where it knows of it. */
function noticeOfRole(
  role: unknown,
  log: LogState | null,
  person: string | null,
  make: (notice: Notice['notice'], parts?: Partial<Notice>) => Notice,
): Notice | null {
  if (role === 'member' && log !== null) {
    return joinedByLog(log, person) === 'signed' ? null : make('let-in');
  }
  return role === 'owner' || role === 'admin' || role === 'moderator' || role === 'member' || role === 'reader'
    ? make('role', { text: role })
    : null;
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

/** The key of a message from its queueing to its place in the log: client ids are unique within a device. */
function keyOf(device: string, clientId: string): string {
  return `${device} ${clientId}`;
}

/** The client id in the key of a queued message. */
export function clientIdIn(key: string): string {
  return key.slice(key.indexOf(' ') + 1);
}

function rewoundAt({ seq, at }: NonNullable<SeenBefore['rewound']>): TimelineItem {
  return {
    type: 'unreadable',
    key: `rewound-${seq}`,
    seq,
    sender: null,
    at: new Date(at),
    reason: 'tampered',
    detail: 'From here on the server shows an older or another history of this room than this device has seen.',
  };
}

function outgoingOf({ record, text }: OutgoingMessage, context: TimelineContext): TimelineItem {
  const failed = record.state === 'failed';
  return {
    type: 'message',
    key: keyOf(context.device, record.clientId),
    seq: record.seq,
    sender: context.user(context.me),
    own: true,
    text,
    at: new Date(record.at),
    delivery: failed ? 'failed' : record.state === 'sent' ? 'sent' : 'sending',
    problem: failed ? record.problem : null,
  };
}
