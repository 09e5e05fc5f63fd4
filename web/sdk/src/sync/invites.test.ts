/** A join by link that can never succeed is given up, and the reason stays. */
import { expect, test } from 'vitest';
import { Room } from '../../test/support/world.ts';
import { createAccountKeys, draftInvite, prepareInvite, sealLocal, toBase64 } from '../crypto/index.ts';
import { Store } from '../store/store.ts';
import type { SessionContext } from './context.ts';
import { RoomLog } from './control.ts';
import { finishJoin } from './invites.ts';

test('an invite that the log does not know ends the waiting with a reason, also after a reload', async () => {
  const [ada, ben] = await Promise.all([createAccountKeys('1', '11'), createAccountKeys('2', '22')]);
  const room = await Room.begin(ada);
  const draft = await draftInvite();
  const { sealed } = await prepareInvite(await room.state(), ada, draft, 0);
  const store = await Store.open(crypto.randomUUID());
  const entries = room.entries.map(({ bytes, seq }, index) => ({ index, seq, entry: toBase64(bytes) }));
  const context = {
    me: { user: ben.user, device: ben.device },
    store,
    keys: () => ben,
    api: { log: () => Promise.resolve({ results: entries, length: entries.length }) },
  } as unknown as SessionContext;
  await store.setJoin('r', await sealLocal(ben.storageKey, 'join', new Uint8Array([...draft.secret, ...sealed])));

  const log = new RoomLog(context, 'r');
  await expect(finishJoin(context, 'r', log)).rejects.toMatchObject({ code: 'untrusted' });
  expect(await store.join('r')).toBeUndefined();
  const later = new RoomLog(context, 'r');
  await later.load();
  expect(later.refusal).toContain('invite');
  await finishJoin(context, 'r', later);
  expect(later.refusal).toContain('invite');
});
