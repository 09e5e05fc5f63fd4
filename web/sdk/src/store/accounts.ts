/**
 * Who is signed in in this browser, and which device it is for each account that ever was. Holds no key.
 */
import { openDB, type IDBPDatabase } from 'idb';
import type { RefreshStore } from '../client/http.ts';
import { accountsVersion, type AccountsSchema, type KnownAccount, type SignedIn } from './schema.ts';

export class AccountStore {
  private constructor(private readonly db: IDBPDatabase<AccountsSchema>) {}

  static async open(name: string): Promise<AccountStore> {
    const db = await openDB<AccountsSchema>(name, accountsVersion, {
      upgrade(fresh) {
        fresh.createObjectStore('session');
        fresh.createObjectStore('known');
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
    const { user, device, database } = current;
    const transaction = this.db.transaction(['session', 'known'], 'readwrite');
    await Promise.all([
      transaction.objectStore('session').put(current, 'current'),
      transaction.objectStore('known').put({ user: user.id, device, database }, user.username.toLowerCase()),
      transaction.done,
    ]);
  }

  /** Whether somebody has signed out here of which the server has not heard. */
  async unheard(): Promise<boolean> {
    return (await this.db.get('session', 'unheard')) !== undefined;
  }

  async setUnheard(unheard: boolean): Promise<void> {
    await (unheard ? this.db.put('session', 'yes', 'unheard') : this.db.delete('session', 'unheard'));
  }

  /** What this browser was for an account, so that it can go on as the same device with the same keys. */
  async known(username: string): Promise<KnownAccount | null> {
    return (await this.db.get('known', username.toLowerCase())) ?? null;
  }

  /** Forgets that an account ever was in this browser. */
  async forget(user: string): Promise<void> {
    const transaction = this.db.transaction(['session', 'known'], 'readwrite');
    const [session, known] = [transaction.objectStore('session'), transaction.objectStore('known')];
    const current = await session.get('current');
    if (typeof current === 'object' && current.user.id === user) {
      await session.delete('current');
    }
    for (const name of await known.getAllKeys()) {
      if ((await known.get(name))?.user === user) {
        await known.delete(name);
      }
    }
    await transaction.done;
  }

  /** The devices that this browser has been, of whatever accounts: the newest, as many as the server takes. */
  async devices(): Promise<string[]> {
    const known = await this.db.getAll('known');
    const newestFirst = known.map(({ device }) => BigInt(device)).sort((a, b) => (a < b ? 1 : -1));
    return newestFirst.slice(0, 32).map(String);
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
