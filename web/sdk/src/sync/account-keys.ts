/**
 * The account's keys on this device: makes them once, publishes them, and notices when the account has keys
 * that were made elsewhere.
 */
import type { Api } from '../client/api.ts';
import { isProblem } from '../client/problem.ts';
import { createAccountKeys, toBase64, type AccountKeys } from '../crypto/index.ts';
import type { Store } from '../store/store.ts';

/** The keys once the server knows them; null when this account's keys are in another browser. */
export async function prepareKeys(
  api: Api,
  store: Store,
  me: { user: string; device: string },
): Promise<AccountKeys | null> {
  const published = await publishedIdentity(api, me.user);
  let keys = await store.keys();
  if (keys === null) {
    if (published !== null) {
      return null;
    }
    keys = await store.addKeys(await createAccountKeys(me.user, me.device));
  }
  if (keys.device !== me.device) {
    return null;
  }
  if (published !== null) {
    return published === toBase64(keys.list.identity) ? keys : null;
  }
  return publish(api, keys);
}

async function publish(api: Api, keys: AccountKeys): Promise<AccountKeys | null> {
  const identity = toBase64(keys.list.identity);
  try {
    await api.publishDevice({
      keys: toBase64(keys.record),
      identity,
      version: keys.list.version,
      list: toBase64(keys.list.bytes),
    });
    return keys;
  } catch (error) {
    if (!isProblem(error, 'conflict')) {
      throw error;
    }
    // Published already: by another tab with these keys, or by another browser with its own.
    return (await publishedIdentity(api, keys.user)) === identity ? keys : null;
  }
}

async function publishedIdentity(api: Api, user: string): Promise<string | null> {
  try {
    return (await api.devices(user)).identity;
  } catch (error) {
    if (isProblem(error, 'not_found')) {
      return null;
    }
    throw error;
  }
}
