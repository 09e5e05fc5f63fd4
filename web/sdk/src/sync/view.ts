/** What a user interface sees of a room: derived from the room's parts, nothing stored. */
import type { WireMember } from '../client/wire.ts';
import type { LogMember } from '../crypto/index.ts';
import type { Member, RoomSummary, RoomView, Trust } from '../model.ts';
import type { SessionContext } from './context.ts';
import { toUser } from './people.ts';
import type { Room } from './room.ts';
import { timelineOf } from './timeline.ts';

export function summaryOf(room: Room, context: SessionContext): RoomSummary {
  const { info } = room;
  // What was said before one joined is not theirs to read, and stands in the timeline as no message.
  const read = Math.max(info.read_seq ?? 0, info.joined_seq ?? 0);
  let unread = 0;
  let lastMessage: RoomSummary['lastMessage'] = null;
  for (const { event, opened } of room.feed.window.items) {
    if (event.kind !== 'message' || event.sender === null) {
      continue;
    }
    if (opened !== null && opened.text !== null) {
      unread += event.seq > read && event.sender !== context.me.user ? 1 : 0;
      const sender = context.people.user(event.sender).displayName;
      lastMessage = { sender, text: opened.text, at: new Date(event.created_at) };
    }
  }
  return {
    id: info.id,
    name: info.name,
    code: info.role === 'pending' ? null : info.code,
    encrypted: info.encrypted,
    role: info.role,
    memberCount: room.members.length > 0 ? room.members.length + room.unlisted.length : info.members,
    unread,
    lastMessage,
  };
}

export function viewOf(room: Room, context: SessionContext): RoomView {
  const { me, people } = context;
  return {
    room: summaryOf(room, context),
    members: [
      ...room.members.map((member) => memberOf(member, room)),
      ...room.unlisted.map((member) => unlistedOf(member, room, context)),
    ],
    timeline: timelineOf(room.feed.window.items, room.outbox.pending, {
      me: me.user,
      device: me.device,
      log: room.log.state,
      rewound: room.feed.memory.rewound,
      user: (id) => people.user(id),
    }),
    hasOlder: room.feed.hasOlder,
    loadingOlder: room.feed.loadingOlder,
    typing: room.presence.typing.map((id) => people.user(id)),
    state: stateOf(room, context),
    fault: room.log.fault ?? (room.log.self === null ? room.log.refusal : null),
    warnings: warningsOf(room, context),
  };
}

/** The view of a room that is not known, or not yet. */
export function blankView(id: string, state: 'loading' | 'gone'): RoomView {
  return {
    room: {
      id,
      name: '',
      code: null,
      encrypted: true,
      role: 'pending',
      memberCount: 0,
      unread: 0,
      lastMessage: null,
    },
    members: [],
    timeline: [],
    hasOlder: false,
    loadingOlder: false,
    typing: [],
    state,
    fault: null,
    warnings: [],
  };
}

function stateOf(room: Room, context: SessionContext): RoomView['state'] {
  if (room.gone) {
    return 'gone';
  }
  if (room.log.fault !== null) {
    return 'broken';
  }
  if (!room.loaded) {
    return 'loading';
  }
  if (room.info.role === 'pending') {
    return 'pending';
  }
  // A member by the server's word alone waits for somebody to sign them in; without keys there is no waiting.
  if (!room.active && context.keys() !== null) {
    return 'pending';
  }
  return room.info.encrypted && !room.info.epoch_open ? 'rekeying' : 'ready';
}

/** Whoever signed for another history is named once; it may be they or the server who is not honest. */
function warningsOf(room: Room, { me, people }: SessionContext): string[] {
  const strays = room.log.state?.ignored.filter(({ reason }) => reason === 'forked') ?? [];
  const signers = new Set(strays.map(({ actor }) => actor?.user ?? ''));
  const warnings = [...signers].map((user) => {
    const { displayName } = people.user(user);
    return `An entry in this room’s signed record was made by ${displayName} for another history than the one shown here. It has no effect.`;
  });
  for (const user of room.log.strangers) {
    const { displayName } = people.user(user);
    warnings.push(
      `The identity key of ${displayName} is not the one that this device knows. Nothing is encrypted to them from here, and what they write is not shown.`,
    );
  }
  if (room.log.state?.members.has(me.user) === true && room.log.self === null) {
    warnings.push('This room’s signed record names another identity key for your account.');
  }
  return warnings;
}

function memberOf(member: WireMember, room: Room): Member {
  return {
    user: toUser(member.user),
    role: member.role,
    trust: trustOf(member, room),
    online: room.presence.isOnline(member.user.id),
  };
}

function unlistedOf({ user, role }: LogMember, room: Room, { people }: SessionContext): Member {
  const trust = room.log.strangers.has(user) ? 'changed' : 'unlisted';
  return { user: people.user(user), role, trust, online: room.presence.isOnline(user) };
}

function trustOf(member: WireMember, room: Room): Trust {
  if (member.role === 'pending') {
    return 'pending';
  }
  const signed = room.log.state?.members.get(member.user.id);
  if (signed === undefined || room.log.fault !== null) {
    return 'unverified';
  }
  if (room.log.strangers.has(member.user.id)) {
    return 'changed';
  }
  return signed.via.op === 'add' ? 'code' : 'verified';
}
