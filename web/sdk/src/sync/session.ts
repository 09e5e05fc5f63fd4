/**
 * Everything of one signed-in user on this device: the store, the socket, the keys, the rooms. It routes what
 * the server says to the rooms and keeps the list of rooms in step with the server's.
 */
import type { Api } from '../client/api.ts';
import { backoffDelay } from '../client/backoff.ts';
import type { Locks } from '../client/locks.ts';
import { PorcupineError, isProblem, untrusted } from '../client/problem.ts';
import { Socket, type WebSocketLike } from '../client/socket.ts';
import type { ServerFrame, WireRoom, WireUser } from '../client/wire.ts';
import { createRoom, toBase64, type AccountKeys, type Bytes } from '../crypto/index.ts';
import type { Account, Connection, RoomSummary } from '../model.ts';
import type { SignedIn, StoredRoom } from '../store/schema.ts';
import { Store } from '../store/store.ts';
import { prepareKeys } from './account-keys.ts';
import type { SessionContext } from './context.ts';
import type { Handle } from './handle.ts';
import { makeInvite, redeemInvite, requireKeys } from './invites.ts';
import { People } from './people.ts';
import { Room } from './room.ts';
import { TabChannel } from './tabs.ts';
import { summaryOf } from './view.ts';

export interface SessionOptions {
  signedIn: SignedIn;
  api: Api;
  locks: Locks;
  socketUrl: string;
  /** Origin that invite links begin with. */
  pageOrigin: string;
  openSocket: (url: string) => WebSocketLike;
  token: (fresh: boolean) => Promise<string>;
  onSessionEnded: () => void;
  onChange: () => void;
  report: (error: unknown) => void;
}

export class Session {
  private readonly rooms = new Map<string, Room>();
  private readonly handles = new Set<Handle>();
  /** Summaries of the rooms that have not changed since they were asked for. */
  private readonly summaryCache = new WeakMap<Room, RoomSummary>();
  private readonly socket: Socket;
  private readonly context: SessionContext;
  private readonly tabs: TabChannel;
  private connection: Connection = { state: 'connecting' };
  private keys: AccountKeys | null = null;
  private keyState: Account['keys'] = 'preparing';
  private preparing: Promise<void> | null = null;
  private listed = false;
  private closed = false;
  private failures = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;

  private constructor(
    private readonly options: SessionOptions,
    private readonly store: Store,
    people: People,
  ) {
    const { user, device, database: name } = options.signedIn;
    people.add([user]);
    this.tabs = new TabChannel(name, (room) => {
      this.rooms.get(room)?.outbox.load().catch((error: unknown) => options.report(error));
    });
    this.socket = new Socket({
      url: options.socketUrl,
      open: options.openSocket,
      token: options.token,
      onState: (state) => this.connectionChanged(state),
      onFrame: (frame) => this.heard(frame),
      onSessionEnded: options.onSessionEnded,
    });
    this.context = {
      me: { user: user.id, device },
      api: options.api,
      store,
      locks: options.locks,
      people,
      keys: () => this.keys,
      send: (frame) => this.socket.send(frame),
      lockName: (purpose) => `${name}/${purpose}`,
      outboxChanged: (room) => this.tabs.outboxChanged(room),
      report: (error) => options.report(error),
    };
  }

  /** Opens what this device keeps and begins to connect. */
  static async open(options: SessionOptions): Promise<Session> {
    const store = await Store.open(options.signedIn.database);
    const session = new Session(options, store, await People.load(store));
    await session.restore();
    session.socket.start();
    return session;
  }

  get database(): string {
    return this.options.signedIn.database;
  }

  get connectionState(): Connection {
    return this.connection;
  }

  get account(): Account {
    const { user, device } = this.options.signedIn;
    return { ...this.context.people.user(user.id), device, keys: this.keyState };
  }

  get summaries(): RoomSummary[] | null {
    if (!this.listed && this.rooms.size === 0) {
      return null;
    }
    return [...this.rooms.values()].map((room) => {
      const known = this.summaryCache.get(room);
      const summary = known ?? summaryOf(room, this.context);
      this.summaryCache.set(room, summary);
      return summary;
    });
  }

  /** The server says who this user is now. */
  renamed(user: WireUser): void {
    this.context.people.add([user]);
    this.options.onChange();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retryTimer);
    this.socket.stop();
    for (const room of this.rooms.values()) {
      room.close();
    }
    for (const handle of this.handles) {
      handle.detach('gone');
    }
    this.tabs.close();
    this.store.close();
  }

  /** Makes and publishes this account's keys, unless they are; rejects when the server cannot be asked. */
  prepareKeys(): Promise<void> {
    this.preparing ??= this.makeKeys().finally(() => {
      this.preparing = null;
    });
    return this.preparing;
  }

  /** Shows the room to the handle as soon as there is one. */
  adoptHandle(handle: Handle): void {
    this.handles.add(handle);
    this.showRoom(handle);
  }

  releaseHandle(handle: Handle): void {
    this.handles.delete(handle);
  }

  async createRoom(name: string): Promise<RoomSummary> {
    await this.haveKeys();
    const prepared = await createRoom(requireKeys(this.context));
    const wire = await this.context.api.createRoom({
      name,
      entries: prepared.entries.map(toBase64),
      bundles: prepared.bundles.map(({ device, seal }) => ({ device, bundle: toBase64(seal) })),
    });
    await this.store.addEpoch(wire.id, prepared.epoch, prepared.sealed);
    return this.enter(wire.id, prepared.room);
  }

  async joinByCode(code: string): Promise<RoomSummary> {
    await this.haveKeys();
    requireKeys(this.context);
    return this.enter((await this.context.api.joinRoom(code)).id);
  }

  async joinByLink(link: string): Promise<RoomSummary> {
    await this.haveKeys();
    const { wire, expected } = await redeemInvite(this.context, link);
    return this.enter(wire.id, expected);
  }

  async createInvite(id: string, invite: { expiresIn: number; maxUses: number | null }): Promise<string> {
    return makeInvite(this.context, id, this.room(id).log, this.options.pageOrigin, invite);
  }

  async leave(id: string): Promise<void> {
    await this.room(id).leave();
    await this.drop(id);
  }

  /** Whoever has just come in may be quicker than their keys. */
  private async haveKeys(): Promise<void> {
    if (this.keyState === 'preparing') {
      await this.prepareKeys();
    }
  }

  private async makeKeys(): Promise<void> {
    if (this.keyState !== 'elsewhere') {
      this.keys = await prepareKeys(this.context.api, this.store, this.context.me);
      this.keyState = this.keys === null ? 'elsewhere' : 'ready';
      this.options.onChange();
    }
  }

  private room(id: string): Room {
    const room = this.rooms.get(id);
    if (room === undefined) {
      throw new PorcupineError('not_member', 'this room is not here');
    }
    return room;
  }

  private async restore(): Promise<void> {
    const keys = await this.store.keys();
    if (keys !== null && keys.device === this.options.signedIn.device) {
      this.keys = keys;
      this.keyState = 'ready';
    }
    const stored = await this.store.rooms();
    await Promise.all(stored.map((one) => this.addRoom(one.room, one)));
  }

  /** Resolves when the room has read what this device keeps of it. */
  private addRoom(wire: WireRoom, stored: StoredRoom | null): Promise<void> {
    const room = new Room(this.context, wire);
    this.rooms.set(wire.id, room);
    room.changes.subscribe(() => {
      this.summaryCache.delete(room);
      this.options.onChange();
    });
    for (const handle of this.handles) {
      this.showRoom(handle);
    }
    return room.load(stored);
  }

  /**
   * `expected`: the room's cryptographic id, where this device made the room or a link names it. The room is read again, for
   * an answer that had to be asked for twice is the first one, and older than what was heard since.
   */
  private async enter(id: string, expected?: Bytes): Promise<RoomSummary> {
    const room = await this.catchUp(await this.context.api.room(id), expected);
    this.options.onChange();
    if (room.log.fault !== null) {
      throw untrusted(room.log.fault);
    }
    return summaryOf(room, this.context);
  }

  /** Takes over what the server says about a room, new or known. */
  private async catchUp(wire: WireRoom, expected?: Bytes): Promise<Room> {
    const known = this.rooms.get(wire.id);
    if (known === undefined || known.gone) {
      await this.addRoom(wire, null);
    }
    const room = this.room(wire.id);
    if (expected !== undefined) {
      await room.expect(expected);
    }
    await room.connected(wire);
    return room;
  }

  private async drop(id: string): Promise<void> {
    this.rooms.get(id)?.leaveBehind();
    this.rooms.delete(id);
    await this.store.dropRoom(id);
    this.options.onChange();
  }

  private showRoom(handle: Handle): void {
    const room = this.rooms.get(handle.id);
    if (room !== undefined) {
      handle.attach(room, this.context);
    } else if (this.listed) {
      handle.detach('gone');
    }
  }

  private connectionChanged(state: Connection): void {
    this.connection = state;
    if (state.state === 'offline') {
      clearTimeout(this.retryTimer);
      for (const room of this.rooms.values()) {
        room.disconnected();
      }
    }
    this.options.onChange();
  }

  private heard(frame: ServerFrame): void {
    switch (frame.type) {
      case 'ready':
        this.renamed(frame.user);
        void this.refresh();
        break;
      case 'membership':
        this.membershipChanged(frame.room, frame.role === null);
        break;
      case 'heads':
        for (const [id, head] of Object.entries(frame.heads)) {
          this.rooms.get(id)?.noticeHead(head);
        }
        break;
      case 'error':
        this.routeError(frame);
        break;
      case 'pong':
        break;
      default:
        this.rooms.get(frame.room)?.handle(frame);
    }
  }

  private routeError(frame: Extract<ServerFrame, { type: 'error' }>): void {
    const room = frame.room === undefined ? undefined : this.rooms.get(frame.room);
    if (room !== undefined) {
      room.handle(frame);
      return;
    }
    for (const one of this.rooms.values()) {
      one.handle(frame);
    }
  }

  private membershipChanged(id: string, left: boolean): void {
    const change = left
      ? this.drop(id)
      : this.context.api.room(id).then((wire) => this.catchUp(wire));
    change.catch((error: unknown) => {
      this.options.report(error);
      this.refreshLater();
    });
  }

  /** After each connection: keys, the list of rooms, and every room. */
  private async refresh(): Promise<void> {
    try {
      await this.prepareKeys();
      const wires = await this.context.api.rooms();
      this.listed = true;
      for (const id of [...this.rooms.keys()]) {
        if (!wires.some((wire) => wire.id === id)) {
          await this.drop(id);
        }
      }
      const results = await Promise.allSettled(wires.map((wire) => this.catchUp(wire)));
      for (const handle of this.handles) {
        this.showRoom(handle);
      }
      this.options.onChange();
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined) {
        throw failed.reason;
      }
      this.failures = 0;
    } catch (error) {
      this.options.report(error);
      if (!isProblem(error, 'untrusted', 'gone')) {
        this.refreshLater(error instanceof PorcupineError ? (error.retryAfter ?? 0) : 0);
      }
    }
  }

  /** Not before the seconds that the server asks for. */
  private refreshLater(least = 0): void {
    if (!this.closed && this.connection.state === 'online') {
      clearTimeout(this.retryTimer);
      this.retryTimer = setTimeout(() => void this.refresh(), least * 1000 + backoffDelay(++this.failures));
    }
  }
}
