/**
 * Names for user ids, as the server tells them: whoever was seen once keeps their name here after leaving.
 * A name vouches for nothing; keys do.
 */
import type { WireUser } from '../client/wire.ts';
import type { User } from '../model.ts';
import type { Store } from '../store/store.ts';

export class People {
  private readonly known = new Map<string, User>();

  private constructor(private readonly store: Store) {}

  static async load(store: Store): Promise<People> {
    const people = new People(store);
    for (const person of await store.people()) {
      people.known.set(person.id, toUser(person));
    }
    return people;
  }

  /** The same object as long as the name is the same. */
  user(id: string): User {
    let person = this.known.get(id);
    if (person === undefined) {
      person = { id, username: '', displayName: 'Unknown user' };
      this.known.set(id, person);
    }
    return person;
  }

  /** Remembers people; what changed is written in the background. */
  add(people: readonly WireUser[]): void {
    const changed = people.filter((person) => !sameUser(this.known.get(person.id), person));
    for (const person of changed) {
      this.known.set(person.id, toUser(person));
    }
    if (changed.length > 0) {
      // A name that could not be kept is told by the server again.
      this.store.addPeople(changed).catch(() => undefined);
    }
  }
}

export function toUser(user: WireUser): User {
  return { id: user.id, username: user.username, displayName: user.display_name };
}

/** The user that the data of a server event speaks of: the bridge says it with names, the database by id. */
export function userIdIn(value: unknown): string | null {
  return typeof value === 'string' ? value : (userIn(value)?.id ?? null);
}

/** A user in the data of a server event, if it is said with names. */
export function userIn(value: unknown): WireUser | null {
  if (typeof value !== 'object' || value === null) {
    return null;
  }
  const { id, username, display_name } = value as Record<string, unknown>;
  return typeof id === 'string' && typeof username === 'string' && typeof display_name === 'string'
    ? { id, username, display_name }
    : null;
}

function sameUser(known: User | undefined, other: WireUser): boolean {
  return known?.username === other.username && known.displayName === other.display_name;
}
