/**
 * One room's control log as this device has verified it. It grows by entries from the socket or by REST,
 * is stored folded, and is never replaced: a server that shows another history is noticed, and that is
 * stored too. Where this device knows which room it has to be (made here, or joined by link), no other will do.
 */
import { PorcupineError, isProblem, untrusted } from '../client/problem.ts';
import {
  RefusedChange,
  equalBytes,
  foldLog,
  fromBase64,
  toBase64,
  type Bytes,
  type IgnoredReason,
  type LogFailure,
  type LogMember,
  type LogState,
  type LoggedEntry,
} from '../crypto/index.ts';
import type { SessionContext } from './context.ts';
import { MemberPins } from './pins.ts';
import { Serial } from './serial.ts';

const appendTries = 8;

export class RoomLog {
  private folded: LogState | null = null;
  private failure: string | null = null;
  /** A fault for as long as this page is open. */
  private doubt: string | null = null;
  private joinRefusal: string | null = null;
  /** The cryptographic id that the room must have, where this device was told by a link or made the room. */
  private expected: Bytes | null = null;
  private named: ReadonlySet<string> = new Set();
  private readonly pins: MemberPins;
  private readonly serial = new Serial();

  constructor(
    private readonly context: SessionContext,
    private readonly room: string,
  ) {
    this.pins = new MemberPins(context);
  }

  get state(): LogState | null {
    return this.folded;
  }

  get length(): number {
    return this.folded?.length ?? 0;
  }

  /** Why nothing of this room can be trusted, in words; null while everything verifies. */
  get fault(): string | null {
    return this.failure ?? this.doubt;
  }

  /** This device has reason to hold the room for an encrypted one, whatever the server says. */
  get anchored(): boolean {
    return this.folded !== null || this.expected !== null;
  }

  /** Members by the log whose keys are not those that this device knows: nothing is sealed to them. */
  get strangers(): ReadonlySet<string> {
    return this.pins.differing;
  }

  /** This user in the log, if they are a member by it, under their own key. */
  get self(): LogMember | null {
    const self = this.folded?.members.get(this.context.me.user);
    const own = this.context.keys()?.list.fingerprint;
    return self === undefined || (own !== undefined && !equalBytes(self.fingerprint, own)) ? null : self;
  }

  get isAdmin(): boolean {
    const role = this.self?.role;
    return role === 'owner' || role === 'admin';
  }

  load(): Promise<void> {
    return this.serial.run(async () => {
      const anchor = await this.context.store.anchor(this.room);
      this.expected = anchor?.room ?? null;
      this.failure = anchor?.fault ?? null;
      this.joinRefusal = anchor?.refusal ?? null;
      const stored = await this.context.store.log(this.room);
      if (stored === undefined || stored.length <= this.length) {
        return;
      }
      this.folded = stored;
      if (this.expected !== null && !equalBytes(stored.room, this.expected)) {
        await this.distrust(foldWords.wrong_room);
      }
      await this.pins.check(stored, this.named);
    });
  }

  /** Whom the server names as members. */
  serverNames(users: readonly string[]): Promise<void> {
    return this.serial.run(async () => {
      this.named = new Set(users);
      if (this.folded !== null) {
        await this.pins.check(this.folded, this.named);
      }
    });
  }

  /** From here on the room must be the one with this cryptographic id. */
  expect(id: Bytes): Promise<void> {
    return this.serial.run(async () => {
      if (this.folded !== null && !equalBytes(this.folded.room, id)) {
        await this.distrust(foldWords.wrong_room);
      } else if (this.folded === null) {
        // Whatever was shown before, nothing has been built on it.
        this.failure = null;
      }
      this.expected = id;
      await this.context.store.changeAnchor(this.room, { room: id, fault: this.failure });
    });
  }

  /** Why this user's join by link came to nothing, in words. */
  get refusal(): string | null {
    return this.joinRefusal;
  }

  async refuseJoin(words: string | null): Promise<void> {
    this.joinRefusal = words;
    await this.context.store.changeAnchor(this.room, { refusal: words });
  }

  /** The server said something that makes it doubtful, and may take it back. */
  raiseDoubt(words: string | null): void {
    this.doubt = words;
  }

  /** An entry that came as an event; one further on than the next makes the log be read on. */
  take(index: number, seq: number, entry: string): Promise<void> {
    return this.serial.run(async () => {
      if (index > this.length) {
        await this.fetch();
      } else if (index === this.length) {
        await this.fold([{ index, seq, entry }]);
      }
    });
  }

  /** Reads on to the end. */
  refresh(): Promise<void> {
    return this.serial.run(() => this.fetch());
  }

  /**
   * Appends an entry made for the newest state; when somebody else was faster, makes it anew. `make` answers
   * null when the newest state needs it no more.
   */
  async append(
    make: (state: LogState) => Promise<Bytes | null>,
    post: (index: number, entry: string) => Promise<unknown> = (index, entry) =>
      this.context.api.appendLog(this.room, index, entry),
  ): Promise<void> {
    for (let attempt = 0; attempt < appendTries; attempt += 1) {
      const state = this.trusted();
      const entry = await permitted(make(state));
      if (entry === null) {
        return;
      }
      try {
        await post(state.length, toBase64(entry));
        return;
      } catch (error) {
        if (!isProblem(error, 'conflict')) {
          throw error;
        }
      }
      await this.refresh();
    }
    throw new PorcupineError('busy', 'the room changed too often meanwhile; try again');
  }

  /** The state, for whoever signs something that builds on it. */
  trusted(): LogState {
    if (this.fault !== null) {
      throw untrusted(this.fault);
    }
    if (this.folded === null) {
      throw untrusted('the members’ signed log of this room is not loaded yet');
    }
    return this.folded;
  }

  private async fetch(): Promise<void> {
    for (;;) {
      const { results, length } = await this.context.api.log(this.room, this.length - 1);
      const before = this.length;
      if (length < before) {
        await this.distrust('The server shows an older state of this room than this device has seen.');
        return;
      }
      await this.fold(results);
      if (this.failure !== null || this.length >= length) {
        return;
      }
      if (this.length === before) {
        throw untrusted('the server keeps a part of this room’s log back');
      }
    }
  }

  private async fold(entries: { index: number; seq: number; entry: string }[]): Promise<void> {
    const next: LoggedEntry[] = [];
    for (const { index, seq, entry } of entries) {
      const bytes = fromBase64(entry);
      if (bytes !== null && index === this.length + next.length) {
        next.push({ bytes, seq });
      }
    }
    if (next.length === 0 || this.failure !== null) {
      return;
    }
    const result = await foldLog(this.folded, next, this.expected ?? undefined);
    this.folded = result.state ?? this.folded;
    if (!result.ok) {
      await this.distrust(foldWords[result.reason]);
      return;
    }
    await this.pins.check(result.state, this.named);
    await this.context.store.saveLog(this.room, result.state);
  }

  private async distrust(words: string): Promise<void> {
    this.failure = words;
    await this.context.store.changeAnchor(this.room, { fault: words });
  }
}

const foldWords: Readonly<Record<LogFailure, string>> = {
  no_create: 'The signed log of this room has no beginning.',
  wrong_room: 'The server shows another room here than the one that was made or that the invite names.',
};

async function permitted<T>(entry: Promise<T>): Promise<T> {
  try {
    return await entry;
  } catch (error) {
    throw error instanceof RefusedChange ? refusalOf(error.reason) : error;
  }
}

/** What a room's log does not accept from this user, as an error in words. */
export function refusalOf(reason: IgnoredReason): PorcupineError {
  switch (reason) {
    case 'invite_used_up':
      return new PorcupineError('gone', 'the invite is used up');
    case 'invite_revoked':
      return new PorcupineError('gone', 'the invite was revoked');
    case 'no_such_invite':
      return new PorcupineError('gone', 'the room knows no such invite');
    case 'role':
      return new PorcupineError('role', 'the role does not allow it');
    case 'not_member':
      return new PorcupineError('not_member', 'the room’s log does not name this account as a member');
    default:
      return untrusted('the room’s log does not accept it');
  }
}
