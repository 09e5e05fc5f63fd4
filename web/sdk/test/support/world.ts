/**
 * A small world for tests: accounts with their keys, and a server that orders whatever it is given. The server here
 * is only a list; a test that wants a dishonest one changes the list.
 */
import {
  createAccountKeys,
  createRoom,
  foldLog,
  fromHex,
  openEpoch,
  openMessage,
  prepareEpoch,
  sealMessage,
  utf8,
} from '../../src/crypto/index.ts';
import type {
  AccountKeys,
  Bundle,
  Bytes,
  Change,
  ChainLink,
  EpochKey,
  LoggedEntry,
  LogState,
  OpenContext,
  OpenResult,
  OuterEvent,
  PreparedEpoch,
  SealMessageInput,
} from '../../src/crypto/index.ts';

/** Fails the test with the reason, where a result had to be good. */
export function unwrap<T>(result: { ok: true; value: T } | { ok: false; reason: string }): T {
  if (!result.ok) throw new Error(`unexpected: ${result.reason}`);
  return result.value;
}

export function must<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('unexpected: nothing there');
  return value;
}

export function hex(text: string): Bytes {
  return must(fromHex(text));
}

export async function folded(entries: readonly LoggedEntry[]): Promise<LogState> {
  const result = await foldLog(null, entries);
  if (!result.ok) throw new Error(`unexpected: ${result.reason} at ${result.index}`);
  return result.state;
}

/** Three accounts whose ids look like the server's. */
export async function threeAccounts(): Promise<[AccountKeys, AccountKeys, AccountKeys]> {
  return Promise.all([createAccountKeys('1', '11'), createAccountKeys('2', '22'), createAccountKeys('3', '33')]);
}

/** One room on an honest server. */
export class Room {
  readonly entries: LoggedEntry[] = [];
  readonly bundles = new Map<number, Bundle[]>();
  readonly events: OuterEvent[] = [];
  private seq = 0;
  private readonly last = new Map<string, ChainLink>();

  static async begin(creator: AccountKeys): Promise<Room> {
    const room = new Room();
    room.commit(await createRoom(creator));
    return room;
  }

  commit(prepared: PreparedEpoch): void {
    prepared.entries.forEach((entry) => this.append(entry));
    this.bundles.set(prepared.epoch, prepared.bundles);
  }

  append(bytes: Bytes): void {
    this.entries.push({ bytes, seq: ++this.seq });
  }

  state(): Promise<LogState> {
    return folded(this.entries);
  }

  async advance(actor: AccountKeys, changes: readonly Change[] = []): Promise<LogState> {
    this.commit(await prepareEpoch(await this.state(), actor, changes));
    return this.state();
  }

  bundleFor(keys: AccountKeys, epoch: number): Bytes {
    return must(this.bundles.get(epoch)?.find(({ user, device }) => user === keys.user && device === keys.device)).seal;
  }

  async epochKey(keys: AccountKeys, epoch: number): Promise<EpochKey> {
    return unwrap(await openEpoch(await this.state(), keys, epoch, this.bundleFor(keys, epoch))).epochKey;
  }

  /** What a device would send now; `change` alters it before it is sealed. */
  async draft(sender: AccountKeys, text: string, change: Partial<SealMessageInput> = {}): Promise<SealMessageInput> {
    const state = await this.state();
    return {
      epochKey: await this.epochKey(sender, state.epochs.length - 1),
      logHead: state.head,
      user: sender.user,
      device: sender.device,
      signingKey: sender.signing.privateKey,
      last: this.last.get(sender.device) ?? null,
      clientId: crypto.randomUUID(),
      seen: { seq: 0, hash: new Uint8Array(32) },
      type: 'text',
      content: utf8(text),
      ...change,
    };
  }

  async send(sender: AccountKeys, text: string, change: Partial<SealMessageInput> = {}): Promise<OuterEvent> {
    const input = await this.draft(sender, text, change);
    const { body, link } = await sealMessage(input);
    this.last.set(sender.device, link);
    const { user, device, clientId } = input;
    const event = { seq: ++this.seq, sender: user, device, clientId, epoch: input.epochKey.epoch, body };
    this.events.push(event);
    return event;
  }

  async open(reader: AccountKeys, event: OuterEvent, change: Partial<OpenContext> = {}): Promise<OpenResult> {
    const log = change.log ?? (await this.state());
    const hasBundle = this.bundles.get(event.epoch)?.some(({ device }) => device === reader.device) === true;
    const epochKey = hasBundle ? await this.epochKey(reader, event.epoch) : null;
    return openMessage(event, { log, epochKey, previous: undefined, ...change });
  }
}
