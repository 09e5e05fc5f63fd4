/**
 * Trust on first use, for the members of one room: who was seen once is known by their identity key. Only whom
 * the log and the server both name is remembered, since a log alone may hold a join that somebody forged for a
 * stranger. Whose key is another than the known one is set apart; the room goes on without them.
 */
import { checkPin, toBase64, type LogState } from '../crypto/index.ts';
import type { SessionContext } from './context.ts';

export class MemberPins {
  private readonly settled = new Set<string>();
  private changed: ReadonlySet<string> = new Set();

  constructor(private readonly context: SessionContext) {}

  /** Members by the log under another identity key, or another device list, than this device knows. */
  get differing(): ReadonlySet<string> {
    return this.changed;
  }

  /** `named`: whom the server names as members. */
  async check(state: LogState, named: ReadonlySet<string>): Promise<void> {
    const differing = new Set<string>();
    const others = [...state.members.values()].filter(({ user }) => user !== this.context.me.user);
    for (const { user, list } of others) {
      const key = `${user} ${toBase64(list.hash)}`;
      if (this.settled.has(key)) {
        continue;
      }
      const outcome = checkPin(list, await this.context.store.pin(user));
      if (outcome.ok && named.has(user)) {
        await this.context.store.setPin(outcome.value);
        this.settled.add(key);
      } else if (!outcome.ok && (outcome.reason === 'identity_changed' || outcome.reason === 'forked')) {
        differing.add(user);
      }
    }
    this.changed = differing;
  }
}
