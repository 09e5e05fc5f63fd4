// Three people in one room: create, invite link, room code, several epochs; each reads what the others write.
import { describe, expect, it } from 'vitest';
import {
  checkInvite,
  draftInvite,
  fromUtf8,
  inviteCode,
  inviteLink,
  openInvite,
  parseInviteLink,
  prepareEpoch,
  prepareInvite,
  signJoin,
  unsealEpoch,
} from '../src/crypto/index.ts';
import type { AccountKeys, OpenResult } from '../src/crypto/index.ts';
import { Room, must, threeAccounts, unwrap } from './support/world.ts';

function textOf(result: OpenResult): string | null {
  return result.ok ? fromUtf8(result.message.content) : result.reason;
}

/** Ada creates the room, Ben joins by link, Cleo is added by name. */
async function threeInARoom(): Promise<{ room: Room; people: [AccountKeys, AccountKeys, AccountKeys] }> {
  const people = await threeAccounts();
  const [ada, ben, cleo] = people;
  const room = await Room.begin(ada);

  const draft = await draftInvite();
  const invite = await prepareInvite(await room.state(), ada, draft, 1);
  room.append(invite.entry);
  const secret = must(parseInviteLink(inviteLink('https://chat.example', draft.secret)));
  const content = unwrap(await openInvite(secret, invite.sealed));
  const seenByBen = await room.state();
  unwrap(checkInvite(seenByBen, content));
  room.append(await signJoin(seenByBen, ben, content, (await inviteCode(secret)).codeHash));
  await room.advance(ada);

  await room.advance(ada, [{ op: 'add', list: cleo.list }]);
  return { room, people };
}

describe('a room of three', () => {
  it('lets each read what the others write', async () => {
    const { room, people } = await threeInARoom();
    for (const sender of people) {
      const event = await room.send(sender, `hello from ${sender.user}`);
      for (const reader of people) {
        expect(textOf(await room.open(reader, event))).toBe(`hello from ${sender.user}`);
      }
    }
  });

  it('gives a joiner nothing of what was said before', async () => {
    const { room, people } = await threeInARoom();
    const [ada, , cleo] = people;
    expect(room.bundles.get(0)?.map(({ user }) => user)).toEqual([ada.user]);
    expect(room.bundles.get(1)?.map(({ user }) => user)).not.toContain(cleo.user);
  });

  it('goes on without a removed member', async () => {
    const { room, people } = await threeInARoom();
    const [ada, ben, cleo] = people;
    const state = await room.advance(ada, [{ op: 'remove', user: cleo.user }]);
    expect([...state.members.keys()].sort()).toEqual([ada.user, ben.user]);
    const event = await room.send(ben, 'two of us');
    expect(textOf(await room.open(ada, event))).toBe('two of us');
    expect(textOf(await room.open(cleo, event))).toBe('no_key');
  });

  it('chains each device and starts counting again with each epoch', async () => {
    const { room, people } = await threeInARoom();
    const [ada, ben] = people;
    const first = await room.open(ben, await room.send(ada, 'one'), { previous: null });
    const link = first.ok ? first.message.link : null;
    const second = await room.open(ben, await room.send(ada, 'two'), { previous: link });
    expect(second).toMatchObject({ ok: true, message: { link: { counter: 1 } } });
    await room.advance(ben);
    const third = await room.open(ben, await room.send(ada, 'three'), {
      previous: second.ok ? second.message.link : null,
    });
    expect(third).toMatchObject({ ok: true, message: { link: { counter: 0 } } });
  });

  it('opens an epoch again from what rests on the device', async () => {
    const { room, people } = await threeInARoom();
    const [ada] = people;
    const before = await room.state();
    const prepared = await prepareEpoch(before, ada);
    room.commit(prepared);
    const event = await room.send(ada, 'after a reload');
    const epochKey = must(await unsealEpoch(ada, before.room, prepared.epoch, prepared.sealed));
    expect(textOf(await room.open(ada, event, { epochKey }))).toBe('after a reload');
    expect(await unsealEpoch(ada, before.room, prepared.epoch + 1, prepared.sealed)).toBeNull();
  });
});
