/**
 * Who is signed in in this browser, and which device it is for each account that ever was. Holds no key.
 */
import { openDB, type IDBPDatabase } from 'idb';
import type { RefreshStore } from '../client/http.ts';
import { schemaVersion, type AccountsSchema, type SignedIn } from './schema.ts';

export class AccountStore {
  private constructor(private readonly db: IDBPDatabase<AccountsSchema>) {}

  static async open(name: string): Promise<AccountStore> {
    const db = await openDB<AccountsSchema>(name, schemaVersion, {
      upgrade(fresh) {
        fresh.createObjectStore('session');
        fresh.createObjectStore('devices');
      },
    });
    return new AccountStore(db);
  }

  async current(): Promise<SignedIn | null> {
    const value = await this.db.get('session', 'current');
    return typeof value === 'object' ? value : null;
  }

  async setCurrent(current: SignedIn | null): Promise<void> {
    if (current === null) {
      await this.db.delete('session', 'current');
      return;
    }
    const transaction = this.db.transaction(['session', 'devices'], 'readwrite');
    await Promise.all([
      transaction.objectStore('session').put(current, 'current'),
      transaction
        .objectStore('devices')
        .put({ user: current.user.id, device: current.device }, current.user.username.toLowerCase()),
      transaction.done,
    ]);
  }

  /** The device that this browser was for an account, so that it can go on as the same one. */
  async deviceOf(username: string): Promise<string | null> {
    return (await this.db.get('devices', username.toLowerCase()))?.device ?? null;
  }

  /** Keeps the refresh token of a program that has no cookies. */
  refreshStore(): RefreshStore {
    return {
      load: async () => {
        const value = await this.db.get('session', 'refresh');
        return typeof value === 'string' ? value : null;
      },
      save: async (token) => {
        await (token === null
          ? this.db.delete('session', 'refresh')
          : this.db.put('session', token, 'refresh'));
      },
    };
  }

  close(): void {
    this.db.close();
  }
}
