// Invite links: the secret stays in the fragment, and neither the log nor the inviter can be swapped.
import { describe, expect, it } from 'vitest';
import {
  checkInvite,
  createAccountKeys,
  draftInvite,
  inviteCode,
  inviteLink,
  openInvite,
  parseInviteLink,
  prepareInvite,
  toBase64Url,
  toHex,
  utf8,
} from '../src/crypto/index.ts';
import type { AccountKeys, Bytes, InviteContent, InviteDraft } from '../src/crypto/index.ts';
import { sha256 } from '../src/crypto/subtle.ts';
import { Room, must, unwrap } from './support/world.ts';

interface World {
  ada: AccountKeys;
  room: Room;
  draft: InviteDraft;
  sealed: Bytes;
}

async function invited(): Promise<World> {
  const ada = await createAccountKeys('1', '11');
  const room = await Room.begin(ada);
  const draft = await draftInvite();
  const { entry, sealed, index } = await prepareInvite(await room.state(), ada, draft, 5);
  expect(index).toBe(2);
  room.append(entry);
  return { ada, room, draft, sealed };
}

async function opened({ draft, sealed }: World): Promise<InviteContent> {
  return unwrap(await openInvite(draft.secret, sealed));
}

describe('a link', () => {
  it('carries the secret in its fragment and gives it back', async () => {
    const { secret } = await draftInvite();
    const link = inviteLink('https://chat.example', secret);
    expect(new URL(link).hash).toBe(`#${toBase64Url(secret)}`);
    expect(new URL(link).pathname).toBe('/join');
    for (const text of [link, new URL(link).hash, toBase64Url(secret), ` ${link}\n`]) {
      expect(parseInviteLink(text)).toEqual(secret);
    }
  });

  it.each(['', 'https://chat.example/join', 'https://chat.example/join#short', `#${'A'.repeat(44)}`, '#' + 'ä'.repeat(43)])(
    'without a secret is refused: %j',
    (text) => {
      expect(parseInviteLink(text)).toBeNull();
    },
  );
});

describe('what the server gets', () => {
  it('is the hash of the code’s text, and a code from which the secret cannot be computed', async () => {
    const { secret, codeHash } = await draftInvite();
    const { code, codeHash: again } = await inviteCode(secret);
    expect(code).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(codeHash).toEqual(again);
    expect(codeHash).toEqual(await sha256(utf8(code)));
    expect(code).not.toBe(toBase64Url(secret));
  });

  it('is sealed: neither the private key nor the room stands in it', async () => {
    const { draft, sealed, room } = await invited();
    const { room: id } = await room.state();
    expect(toHex(sealed)).not.toContain(toHex(id));
    expect(toHex(sealed)).not.toContain(toHex(draft.privateKey.slice(36, 68)));
  });
});

describe('the sealed part', () => {
  it('opens by the link alone', async () => {
    const world = await invited();
    const content = await opened(world);
    expect(content.privateKey).toEqual(world.draft.privateKey);
    expect(content.inviter).toEqual({ user: '1', fingerprint: world.ada.list.fingerprint });
    expect(checkInvite(await world.room.state(), content)).toEqual({ ok: true, value: true });
  });

  it('does not open by another secret or when it was changed', async () => {
    const { draft, sealed } = await invited();
    const other = await draftInvite();
    expect(await openInvite(other.secret, sealed)).toEqual({ ok: false, reason: 'cannot_open' });
    const changed = sealed.slice();
    changed[40] = must(changed[40]) ^ 1;
    expect(await openInvite(draft.secret, changed)).toEqual({ ok: false, reason: 'cannot_open' });
    expect(await openInvite(draft.secret, sealed.slice(0, 10))).toEqual({ ok: false, reason: 'malformed' });
  });

  it('does not fit another room or another log of it', async () => {
    const world = await invited();
    const content = await opened(world);
    const other = await invited();
    expect(checkInvite(await other.room.state(), content)).toEqual({ ok: false, reason: 'wrong_log' });
    const shortened = new Room();
    for (const { bytes } of world.room.entries.slice(0, 2)) shortened.append(bytes);
    expect(checkInvite(await shortened.state(), content)).toEqual({ ok: false, reason: 'wrong_log' });
  });

  it('names the inviter', async () => {
    const world = await invited();
    const content = await opened(world);
    const state = await world.room.state();
    const another = { ...content, inviter: { user: '1', fingerprint: new Uint8Array(32) } };
    expect(checkInvite(state, another)).toEqual({ ok: false, reason: 'wrong_inviter' });
    const nobody = { ...content, inviter: { ...content.inviter, user: '9' } };
    expect(checkInvite(state, nobody)).toEqual({ ok: false, reason: 'wrong_inviter' });
  });
});
