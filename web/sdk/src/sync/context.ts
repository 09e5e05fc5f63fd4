/** What the parts of one signed-in session share. Made by `session.ts`, handed down, never upward. */
import type { Api } from '../client/api.ts';
import type { Locks } from '../client/locks.ts';
import type { ClientFrame } from '../client/wire.ts';
import type { AccountKeys } from '../crypto/index.ts';
import type { Store } from '../store/store.ts';
import type { People } from './people.ts';

export interface SessionContext {
  readonly me: { readonly user: string; readonly device: string };
  readonly api: Api;
  readonly store: Store;
  readonly locks: Locks;
  readonly people: People;
  /** null while they are made, and where this account's keys are in another browser. */
  keys(): AccountKeys | null;
  /** Sends a frame, or says false when there is no connection. */
  send(frame: ClientFrame): boolean;
  /** Name of a lock that the tabs of this browser share for this account. */
  lockName(purpose: string): string;
  /** Another tab should read the outbox of `room` again. */
  outboxChanged(room: string): void;
  /** Something in the background failed; whoever reconnects tries it again. */
  report(error: unknown): void;
}
