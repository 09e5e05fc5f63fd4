/**
 * One room of the signed-in user: puts log, epochs, events, outbox and presence together. Everything that
 * the server says about the room passes through here, in the order in which it was said.
 *
 * The server's word counts where it takes something away (removed, closed, pending). What it gives, members
 * and keys, counts only when the signed log says the same.
 */
import { Retries } from '../client/backoff.ts';
import { isProblem, problemFrom } from '../client/problem.ts';
import type { ErrorFrame, ServerFrame, WireEvent, WireMember, WireRoom } from '../client/wire.ts';
import { toBase64, type Bytes, type ChainEnd, type LogMember } from '../crypto/index.ts';
import type { StoredRoom } from '../store/schema.ts';
import { Composer } from './composer.ts';
import { RoomLog } from './control.ts';
import type { SessionContext } from './context.ts';
import { Emitter } from './emitter.ts';
import { EpochKeys } from './epochs.ts';
import { Feed } from './feed.ts';
import { RoomFacts } from './facts.ts';
import { finishJoin } from './invites.ts';
import { leaveRoom } from './leaving.ts';
import { isMessage, openEncrypted, openPlain } from './opening.ts';
import { Outbox } from './outbox.ts';
import { Presence } from './presence.ts';
import { Rekeyer } from './rekey.ts';
import { Serial } from './serial.ts';
import type { Opened, WindowEvent } from './window.ts';

export class Room {
  readonly changes = new Emitter();
  readonly log: RoomLog;
  readonly feed: Feed;
  readonly outbox: Outbox;
  readonly presence = new Presence(() => this.changed());
  private readonly facts: RoomFacts;
  private readonly epochs: EpochKeys;
  private readonly rekeyer: Rekeyer;
  private readonly serial = new Serial();
  private readonly subscribing = new Retries();
  /** Heads of the log that messages name and that were looked for; anybody can make one up. */
  private readonly soughtHeads = new Set<string>();
  private inbox: WireEvent[] = [];
  /** What this device keeps has been read; before that the server's word would stand alone. */
  private restored = false;
  /** Entries of the log that were known when the server's list of members was read. */
  private listed = 0;
  private departed = false;
  private subscribeTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly context: SessionContext,
    wire: WireRoom,
  ) {
    const room = wire.id;
    this.facts = new RoomFacts(context, wire);
    this.log = new RoomLog(context, room);
    this.epochs = new EpochKeys(context, room);
    this.feed = new Feed(context, {
      room,
      learn: (event) => this.learn(event),
      open: (event, previous) => this.open(event, previous),
      digest: (taken) => this.digest(taken),
    });
    this.rekeyer = new Rekeyer(context, {
      room,
      log: this.log,
      epochs: this.epochs,
      members: () => this.facts.members,
      refreshMembers: () => this.refreshMembers(),
      active: () => this.active,
      epochOpen: () => this.info.epoch_open,
      head: () => this.feed.window.last,
      eventAt: (seq) => this.feed.eventAt(seq),
      committed: (epoch) => this.epochBegun(epoch),
    });
    const composer = new Composer(context, {
      log: this.log,
      epochs: this.epochs,
      rekeyer: this.rekeyer,
      window: this.feed.window,
      plainEpoch: () => (this.info.encrypted ? null : this.info.epoch),
      fetchKeys: () => this.fetchKeys(),
    });
    this.outbox = new Outbox({
      room,
      locks: context.locks,
      lockName: context.lockName(`send/${room}`),
      store: context.store,
      seal: (text) => composer.sealText(text),
      unseal: (sealed) => composer.unsealText(sealed),
      ready: () => this.active,
      encrypted: () => this.info.encrypted,
      build: (draft, last) => composer.build(draft, last),
      transmit: (client_id, epoch, body) => context.send({ type: 'send', room, client_id, epoch, body }),
      seen: () => this.feed.window.last,
      eventAt: (seq) => this.feed.eventAt(seq),
      epochMoved: () => this.epochMoved(),
      onChange: () => this.changed(),
      onStored: () => context.outboxChanged(room),
      report: (error) => context.report(error),
    });
  }

  get info(): WireRoom {
    return this.facts.room;
  }

  get members(): readonly WireMember[] {
    return this.facts.members;
  }

  /**
   * Members by the signed log whom the server's list leaves out. The log was read before the list, so this is
   * no matter of one being newer.
   */
  get unlisted(): readonly LogMember[] {
    const listed = new Set(this.members.map(({ user }) => user.id));
    const signed = [...(this.log.state?.members.values() ?? [])];
    return signed.filter(({ user, since }) => since < this.listed && !listed.has(user));
  }

  /** No longer a member. */
  get gone(): boolean {
    return this.departed;
  }

  /** The newest events are here, or there is nothing to be had yet. */
  get loaded(): boolean {
    return this.feed.begun || this.facts.pending;
  }

  /** May read and write here, by the server's word and, in an encrypted room, by the log's. */
  get active(): boolean {
    return this.restored && !this.departed && !this.facts.pending && (!this.info.encrypted || this.log.self !== null);
  }

  /** Reads what this device keeps. */
  load(stored: StoredRoom | null): Promise<void> {
    return this.serial.run(async () => {
      this.facts.restore(stored?.members ?? []);
      await this.log.load();
      if (this.log.anchored) {
        this.facts.markEncrypted();
      }
      this.restored = true;
      await this.epochs.load();
      if (stored !== null) {
        await this.log.serverNames(stored.members.map(({ user }) => user.id));
        await this.feed.load(stored);
      }
      await this.outbox.load();
      this.changed();
    });
  }

  /** This device knows which room it has to be, before it believes the server anything about it. */
  async expect(id: Bytes): Promise<void> {
    await this.log.expect(id);
    this.facts.markEncrypted();
  }

  /** There is a connection, and the server told this about the room: catch up and go on live. */
  connected(wire: WireRoom): Promise<void> {
    return this.serial.run(async () => {
      this.facts.replace(wire);
      await finishJoin(this.context, wire.id, this.log).finally(() => this.changed());
      if (this.log.anchored) {
        this.facts.markEncrypted();
      }
      if (this.info.encrypted) {
        this.log.raiseDoubt(wire.encrypted ? null : 'The server says that this encrypted room is not encrypted.');
        await this.catchUpLog();
      }
      if (this.facts.pending) {
        await this.facts.save();
      } else {
        await this.refreshMembers();
        this.feed.subscribe();
      }
      this.changed();
    });
  }

  disconnected(): void {
    clearTimeout(this.subscribeTimer);
    this.feed.disconnected();
    this.outbox.disconnected();
    this.presence.close();
    this.changed();
  }

  /** A frame about this room; events are taken in batches. */
  handle(frame: ServerFrame): void {
    switch (frame.type) {
      case 'event':
        this.arrived(frame);
        break;
      case 'ack':
        this.outbox.acknowledged(frame.client_id, frame.seq);
        break;
      case 'subscribed':
        this.presence.replaceOnline(frame.online);
        this.follow(() => this.subscribed(frame, false));
        break;
      case 'reset':
        this.follow(() => this.subscribed(frame, true));
        break;
      case 'typing':
        this.presence.startedTyping(frame.user);
        break;
      case 'presence':
        if (frame.user === null) {
          this.presence.replaceOnline([]);
        } else {
          this.presence.setOnline(frame.user, frame.online);
        }
        break;
      case 'unsubscribed':
        if (frame.code === 'not_member') {
          this.leaveBehind();
        }
        break;
      case 'error':
        this.refused(frame);
        break;
      default:
        break;
    }
  }

  noticeHead(head: number): void {
    this.queue(() => {
      this.feed.noticeHead(head);
      return Promise.resolve();
    });
  }

  /** The server says that this user is no longer a member. */
  leaveBehind(): void {
    this.departed = true;
    this.close();
    this.changed();
  }

  loadOlder(): Promise<void> {
    const turn = this.serial.run(() => this.feed.loadOlder());
    this.changed();
    return turn.finally(() => this.changed());
  }

  markRead(): void {
    if (this.active && this.facts.markRead(this.feed.window.last)) {
      this.queue(() => this.facts.save());
      this.changed();
    }
  }

  tellTyping(): void {
    if (this.active && this.presence.shouldTell()) {
      this.context.send({ type: 'typing', room: this.info.id });
    }
  }

  /** Leaves for good: says so in the log, where it can, and to the server. */
  async leave(): Promise<void> {
    await leaveRoom(this.context, this.info.id, this.log, this.facts.members);
  }

  close(): void {
    clearTimeout(this.subscribeTimer);
    this.presence.close();
    this.rekeyer.close();
    this.outbox.close();
  }

  private changed(): void {
    this.changes.emit();
  }

  private queue(job: () => Promise<unknown>): void {
    this.serial.run(job).catch((error: unknown) => {
      if (isProblem(error, 'not_member')) {
        this.leaveBehind();
      } else {
        this.context.report(error);
      }
    });
  }

  /** A job that brings the room further; when it fails, the server is asked again from the cursor. */
  private follow(job: () => Promise<unknown>): void {
    this.queue(() =>
      job().catch((error: unknown) => {
        this.subscribeLater(null);
        throw error;
      }),
    );
  }

  private arrived(event: WireEvent): void {
    this.inbox.push(event);
    if (this.inbox.length === 1) {
      this.follow(() => this.feed.take(this.inbox.splice(0)));
    }
  }

  /** What new events mean beyond the timeline. */
  private async digest(taken: readonly WindowEvent[]): Promise<void> {
    for (const { event, opened } of taken) {
      if (opened !== null && event.sender !== null) {
        this.presence.stopped(event.sender);
      }
      if (event.device === this.context.me.device && event.client_id !== null && event.body !== null) {
        await this.outbox.appeared(event.client_id, event.seq, event.body, opened?.link ?? null);
      }
    }
    await this.checkOutbox();
    this.changed();
    if (taken.some(({ event }) => event.kind.startsWith('member.'))) {
      await this.refreshMembers();
    }
    if (taken.some(({ event }) => !isMessage(event))) {
      await this.reopen();
      this.rekeyer.consider();
      this.outbox.wake();
    }
  }

  /** What an event says about the room, taken in before anything later is opened. */
  private async learn(event: WireEvent): Promise<void> {
    this.facts.learn(event);
    const index = event.data?.['index'];
    if (event.kind === 'control' && typeof index === 'number' && event.body !== null && this.info.encrypted) {
      await this.log.take(index, event.seq, event.body);
      await this.fetchKeys();
    }
  }

  private async open(event: WireEvent, previous: ChainEnd | null | undefined): Promise<Opened> {
    if (!this.info.encrypted) {
      return openPlain(event);
    }
    const opened = await this.openWithLog(event, previous);
    const head = opened.unknownHead === undefined ? null : toBase64(opened.unknownHead);
    if (head === null || this.soughtHeads.has(head)) {
      return opened;
    }
    // The author may have known more of the log than this device.
    await this.log.refresh();
    this.soughtHeads.add(head);
    return this.openWithLog(event, previous);
  }

  private async openWithLog(event: WireEvent, previous: ChainEnd | null | undefined): Promise<Opened> {
    const log = this.log.state;
    if (log === null) {
      return { text: null, failure: 'no_key', link: null, previous: null };
    }
    const opened = await openEncrypted(event, previous, {
      log,
      epochKey: (epoch) => this.epochs.key(log, epoch),
      hashAt: this.feed.window.hashAt,
    });
    const stranger = opened.failure === null && event.sender !== null && this.log.strangers.has(event.sender);
    return stranger ? { ...opened, text: null, failure: 'identity_changed' } : opened;
  }

  private async subscribed(frame: Extract<ServerFrame, { type: 'subscribed' | 'reset' }>, reset: boolean): Promise<void> {
    this.facts.update({ head: frame.head, epoch: frame.epoch, epoch_open: frame.epoch_open });
    await this.feed.subscribed(frame, reset);
    if (reset) {
      // Only the answer to a good cursor says who is online.
      this.feed.subscribe();
    }
    if (this.feed.window.items.length === 0) {
      await this.feed.loadOlder();
    }
    await this.reopen();
    await this.checkOutbox(frame.head);
    if (this.feed.window.last >= frame.head) {
      this.subscribing.succeeded();
    }
    this.changed();
    this.rekeyer.consider();
    this.outbox.wake();
  }

  /** What was acknowledged has to be here; where that cannot be told now, it is looked at again later. */
  private checkOutbox(head?: number): Promise<void> {
    return this.outbox.check(head).catch((error: unknown) => this.context.report(error));
  }

  private refused(frame: ErrorFrame): void {
    if (frame.client_id !== undefined) {
      this.outbox.refused(frame);
      return;
    }
    if (frame.request !== 'subscribe') {
      return;
    }
    if (frame.code === 'not_member') {
      this.leaveBehind();
      return;
    }
    const problem = problemFrom(frame, null);
    this.context.report(problem);
    this.subscribeLater(problem.retryAfter);
  }

  private subscribeLater(seconds: number | null): void {
    this.feed.disconnected();
    clearTimeout(this.subscribeTimer);
    this.subscribeTimer = setTimeout(() => this.feed.subscribe(), this.subscribing.next(seconds));
  }

  private async catchUpLog(): Promise<void> {
    if (this.log.length !== this.info.log) {
      await this.log.refresh();
    }
    await this.fetchKeys();
  }

  private async fetchKeys(): Promise<void> {
    const state = this.log.state;
    if (state !== null && this.active && state.epochs.some(({ epoch }) => !this.epochs.has(epoch))) {
      await this.epochs.refresh(state);
    }
  }

  private async reopen(): Promise<void> {
    if (await this.feed.reopen()) {
      this.changed();
    }
  }

  private async refreshMembers(): Promise<readonly WireMember[]> {
    const { length } = this.log;
    const members = await this.facts.refreshMembers();
    this.listed = length;
    await this.log.serverNames(members.map(({ user }) => user.id));
    this.changed();
    return members;
  }

  private epochBegun(epoch: number): void {
    this.facts.update({ epoch, epoch_open: true });
    this.changed();
    this.outbox.wake();
  }

  /** A send was refused because of its epoch: read what changed. */
  private async epochMoved(): Promise<boolean> {
    try {
      await this.facts.refreshRoom();
      await this.log.refresh();
      await this.fetchKeys();
      this.changed();
      return true;
    } catch (error) {
      this.context.report(error);
      return false;
    }
  }
}
