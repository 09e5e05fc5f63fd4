/** What events and queued messages look like to a user. */
import { expect, test } from 'vitest';
import type { WireEvent } from '../client/wire.ts';
import type { LogState } from '../crypto/index.ts';
import type { OutboxRecord } from '../store/schema.ts';
import { clientIdIn, timelineOf, type TimelineContext } from './timeline.ts';
import type { Opened, WindowEvent } from './window.ts';

const user = (id: string) => ({ id, username: id, displayName: id.toUpperCase() });
const users = new Map(['me', 'you'].map((id) => [id, user(id)]));

function context(log: Partial<LogState> | null = null): TimelineContext {
  return { me: 'me', device: 'd', rewound: null, log: log === null ? null : ({ spans: [], links: [], ...log } as unknown as LogState), user: (id) => users.get(id) ?? user(id) };
}

function wire(seq: number, fields: Partial<WireEvent>): WireEvent {
  return {
    room: 'r',
    seq,
    kind: 'message',
    sender: null,
    device: null,
    client_id: null,
    epoch: 0,
    body: null,
    ref: null,
    created_at: '2026-01-01T00:00:00Z',
    ...fields,
  };
}

function message(seq: number, clientId: string, opened: Partial<Opened>, sender = 'you'): WindowEvent {
  const event = wire(seq, { sender, device: 'd', client_id: clientId });
  return { event, opened: { text: null, failure: null, link: null, previous: null, ...opened } };
}

const server = (seq: number, kind: string, data: Record<string, unknown> | null): WindowEvent => ({
  event: wire(seq, { kind, data }),
  opened: null,
});

function queued(clientId: string, state: OutboxRecord['state'], problem: string | null = null) {
  const record = { room: 'r', clientId, text: new Uint8Array(), encrypted: true, at: 0, state, built: null, seq: null, problem };
  return { record, text: `text of ${clientId}` };
}

test('messages keep their key from the queue to the log and appear once', () => {
  const outgoing = [queued('a', 'sent'), queued('b', 'built'), queued('c', 'failed', 'too long')];
  const events = [message(1, 'a', { text: 'text of a' }, 'me')];
  const items = timelineOf(events, outgoing, context());
  expect(items.map((item) => item.type === 'message' && [item.key, item.delivery, item.own, item.problem])).toEqual([
    ['d a', 'sent', true, null],
    ['d b', 'sending', true, null],
    ['d c', 'failed', true, 'too long'],
  ]);
  expect(clientIdIn('d c')).toBe('c');
});

test('the client id of another device does not hide an own message, and every key is its own', () => {
  const theirs = message(1, 'a', { text: 'theirs' });
  const events = [
    { ...theirs, event: { ...theirs.event, device: 'e' } },
    message(2, 'b', { text: 'good' }),
    message(3, 'b', { failure: 'epoch_not_in_force' }),
    message(4, 'b', { failure: 'replayed' }),
  ];
  const items = timelineOf(events, [queued('a', 'built')], context());
  expect(items.map(({ key }) => key)).toEqual(['e a', 'd b', 'seq-3', 'seq-4', 'd a']);
});

test('a history that was set back shows at its place', () => {
  const events = [message(1, 'a', { text: 'one' }), message(2, 'b', { text: 'two' })];
  const keys = (seq: number) => timelineOf(events, [], { ...context(), rewound: { seq, at: 0 } }).map(({ key }) => key);
  expect(keys(1)).toEqual(['d a', 'rewound-1', 'd b']);
  expect(keys(0)).toEqual(['rewound-0', 'd a', 'd b']);
  expect(keys(7)).toEqual(['d a', 'd b', 'rewound-7']);
});

test('a message that did not change is the same object in the next timeline', () => {
  const events = [message(1, 'a', { text: 'hello' })];
  const [first] = timelineOf(events, [], context());
  const [again] = timelineOf([...events, message(2, 'b', { text: 'more' })], [], context());
  expect(again).toBe(first);
});

test('each failed check is shown as what it is', () => {
  const log = {
    epochs: [{ epoch: 0, index: 1 }, { epoch: 1, index: 4 }] as LogState['epochs'],
    members: new Map([['me', { since: 3 }]]) as LogState['members'],
  };
  const early = message(1, 'a', { failure: 'no_key' });
  const late = message(2, 'b', { failure: 'no_key' });
  const events = [
    early,
    { ...late, event: { ...late.event, epoch: 1 } },
    message(3, 'c', { failure: 'bad_signature' }),
    message(4, 'd', { failure: 'unsupported' }),
    message(5, 'c', { failure: 'replayed' }),
  ];
  const items = timelineOf(events, [], context(log));
  expect(items.map((item) => item.type === 'unreadable' && item.reason)).toEqual([
    'before-joining',
    'waiting-for-key',
    'tampered',
    'unknown-format',
    'tampered',
  ]);
  expect(new Set(items.map(({ key }) => key)).size).toBe(items.length);
  expect(items.every((item) => item.type === 'unreadable' && item.detail !== '')).toBe(true);
});

test('notices say whether members signed them or the server claims them', () => {
  const you = { id: 'you', username: 'you', display_name: 'You' };
  const log = {
    spans: [
      { member: { user: 'me', since: 0, via: { op: 'create' } }, from: 0, until: null },
      { member: { user: 'you', since: 2, via: { op: 'add', by: 'me' } }, from: 2, until: 4 },
      { member: { user: 'you', since: 2, via: { op: 'add', by: 'me' }, role: 'admin' }, from: 4, until: 5, removed: true },
    ] as LogState['spans'],
    links: [1, 1, 3, 4, 5, 6].map((seq) => ({ seq })) as LogState['links'],
    epochs: [{ epoch: 1, index: 3 }] as LogState['epochs'],
    members: new Map() as LogState['members'],
  };
  const events = [
    server(1, 'member.joined', { user: 'me', role: 'owner', via: 'create' }),
    server(2, 'member.joined', { user: you, role: 'pending', via: 'code' }),
    server(3, 'member.role', { user: you, role: 'member' }),
    server(4, 'epoch', { epoch: 1, by: 'me' }),
    server(5, 'epoch', { epoch: 2, by: 'me' }),
    server(6, 'member.left', { user: 'you' }),
    server(7, 'member.removed', { user: 'ghost', by: 'me' }),
    server(8, 'room.renamed', { name: 'New' }),
    server(9, 'control', { index: 3 }),
    server(10, 'something.new', {}),
  ];
  const items = timelineOf(events, [], context(log));
  expect(items.map((item) => item.type === 'notice' && [item.notice, item.by, item.subject?.id ?? item.text])).toEqual([
    ['created', 'signed', 'me'],
    ['waiting', 'server', 'you'],
    ['let-in', 'signed', 'you'],
    ['new-key', 'signed', null],
    ['new-key', 'server', null],
    ['removed', 'signed', 'you'],
    ['removed', 'server', 'ghost'],
    ['renamed', 'server', 'New'],
  ]);
});

test('a role that somebody was given is told; in a room without a log nobody was let in', () => {
  const roles = ['moderator', 'member', 'pending', 'emperor', 4];
  const events = roles.map((role, at) => server(at + 1, 'member.role', { user: 'you', role }));
  const told = (log: Partial<LogState> | null) =>
    timelineOf(events, [], context(log)).map((item) => item.type === 'notice' && [item.notice, item.text]);
  expect(told(null)).toEqual([['role', 'moderator'], ['role', 'member']]);
  expect(told({ spans: [] })).toEqual([['role', 'moderator'], ['let-in', null]]);
});

test('a message of the application is a line of its own, on the server’s word; without its text it is none', () => {
  const events = [server(1, 'system', { text: 'Order 17 was paid' }), server(2, 'system', null), server(3, 'system', { text: 4 })];
  expect(timelineOf(events, [], context(null))).toMatchObject([
    { type: 'notice', notice: 'system', by: 'server', seq: 1, subject: null, text: 'Order 17 was paid' },
  ]);
});

test('a coming that the server hides is told by the log, and by whose page it was', () => {
  const log = {
    spans: [{ member: { user: 'you', since: 2, via: { op: 'add', by: 'me' } }, from: 2, until: null }] as LogState['spans'],
    links: [1, 1, 3].map((seq) => ({ seq })) as LogState['links'],
  };
  const events = [1, 2, 3, 4].map((seq) => server(seq, 'something.else', {}));
  expect(timelineOf(events, [], context(log))).toMatchObject([
    { type: 'notice', notice: 'let-in', by: 'signed', seq: 3, subject: { id: 'you' }, text: 'ME' },
  ]);
});

test('what was taken back shows as removed, whether this device had read it or not', () => {
  const tombstone = message(2, 'b', { failure: 'malformed' });
  const events: WindowEvent[] = [
    message(1, 'a', { text: 'one' }),
    { ...tombstone, event: { ...tombstone.event, body: '' } },
    message(3, 'c', { text: 'three' }),
    { event: wire(4, { kind: 'redacted', ref: 1, data: { by: 'you' } }), opened: null },
  ];
  const items = timelineOf(events, [], context());
  expect(items.map((item) => [item.key, item.type, item.type === 'unreadable' ? item.reason : null])).toEqual([
    ['d a', 'unreadable', 'removed'],
    ['seq-2', 'unreadable', 'removed'],
    ['d c', 'message', null],
  ]);
  expect(JSON.stringify(items)).not.toContain('one');
});

test('of a reaction that was taken back nothing shows', () => {
  const gone = message(1, 'a', { failure: 'malformed' });
  expect(timelineOf([{ ...gone, event: { ...gone.event, kind: 'reaction', body: '' } }], [], context())).toEqual([]);
});

test('what somebody had sent is removed once they are erased, and not what others sent, or they send later', () => {
  const events = [
    message(1, 'a', { text: 'theirs' }),
    message(2, 'b', { text: 'mine' }, 'me'),
    server(3, 'redacted', { user: 'you' }),
    message(4, 'c', { text: 'later' }),
  ];
  const items = timelineOf(events, [], context());
  expect(items.map((item) => (item.type === 'message' ? item.text : item.type === 'unreadable' ? item.reason : item.type))).toEqual(['removed', 'mine', 'later']);
});
