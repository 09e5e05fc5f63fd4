/**
 * Beginning the next epoch of one room: after a join, a leave, a removal, a changed device, or simply in time.
 * Every member's page may do it; chance decides who comes first, the database lets one through, and the
 * others throw their secret away and read on.
 * A key that is merely old is replaced when somebody sends, and its age is this device's own: a clock that is
 * wrong, here or at the server, costs one epoch and not one after the other.
 *
 * Joiners without an invite link are let in by an admin's page, since only an admin can sign for them.
 */
import { backoffDelay } from '../client/backoff.ts';
import { isProblem } from '../client/problem.ts';
import type { WireEvent, WireMember } from '../client/wire.ts';
import {
  RefusedChange,
  checkPin,
  fromBase64,
  openDeviceList,
  prepareEpoch,
  signChange,
  toBase64,
  type AccountKeys,
  type Change,
  type DeviceList,
  type LogState,
} from '../crypto/index.ts';
import type { RoomLog } from './control.ts';
import type { SessionContext } from './context.ts';
import type { EpochKeys } from './epochs.ts';
import { Pace } from './rekey-pace.ts';

export interface RekeyPorts {
  room: string;
  log: RoomLog;
  epochs: EpochKeys;
  /** The server's list, as last read. */
  members(): readonly WireMember[];
  refreshMembers(): Promise<readonly WireMember[]>;
  /** This user may act here: a member by the server's word and the log's. */
  active(): boolean;
  epochOpen(): boolean;
  /** The seq of the room's last event. */
  head(): number;
  eventAt(seq: number): Promise<WireEvent | null>;
  committed(epoch: number): void;
}

const messagesPerEpoch = 10_000;
const epochLifetime = 7 * 24 * 3600 * 1000;
/** Admins come first: they can sign whatever the change needs. */
const adminJitter = [50, 400] as const;
const memberJitter = [400, 1200] as const;
/** A joiner by code whose page has not published its keys yet. */
const keysPollDelay = 5_000;
const lastKeysPollDelay = 600_000;

export class Rekeyer {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private pollTimer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;
  /** Commits in a row that came too late, were refused for what this device cannot see yet, or changed nothing. */
  private conflicts = 0;
  /** Times in a row that somebody's keys were not there. */
  private keyPolls = 0;
  private readonly pace = new Pace();

  constructor(
    private readonly context: SessionContext,
    private readonly ports: RekeyPorts,
  ) {}

  /** Looks whether a new epoch is due and makes one after a short random wait. */
  consider(): void {
    if (this.closed || this.timer !== undefined || !this.due()) {
      return;
    }
    const patience = this.conflicts === 0 ? 0 : backoffDelay(this.conflicts);
    this.schedule(patience + jitter(this.ports.log.isAdmin ? adminJitter : memberJitter));
  }

  /** Whether the next message has to wait for another epoch. */
  blocksSending(): boolean {
    const state = this.ports.log.state;
    const current = state?.epochs.at(-1);
    if (state === null || current === undefined) {
      return true;
    }
    return state.rotationDue || !this.ports.epochOpen();
  }

  /** Makes the epoch that the next message needs; tells whether the message can be encrypted now. */
  async beforeSending(): Promise<boolean> {
    const worn = await this.wornOut();
    if (worn || this.blocksSending()) {
      await this.now(worn);
    }
    return !this.blocksSending();
  }

  /** Makes the next epoch now if it is still due; `worn`: the one in force is too old. */
  now(worn = false): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    return this.context.locks.run(this.context.lockName(`rekey/${this.ports.room}`), () => this.commit(worn));
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    clearTimeout(this.pollTimer);
  }

  /** Old or much used since this device first saw it. */
  private async wornOut(): Promise<boolean> {
    const epoch = this.ports.log.state?.epochs.at(-1)?.epoch;
    if (epoch === undefined) {
      return false;
    }
    const now = { epoch, at: Date.now(), head: this.ports.head() };
    const first = await this.context.store.firstSight(this.ports.room, now);
    return now.at - first.at >= epochLifetime || now.head - first.head >= messagesPerEpoch;
  }

  /** A cheap look at what is here already; `commit` looks again at what the server has. */
  private due(): boolean {
    if (!this.ports.active() || this.ports.log.fault !== null) {
      return false;
    }
    return this.blocksSending() || this.keyLost() || this.strangers(this.ports.members()).length > 0;
  }

  private schedule(delay: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.now().catch((error: unknown) => this.context.report(error));
    }, delay);
  }

  private async commit(worn: boolean): Promise<void> {
    const keys = this.context.keys();
    if (this.closed || keys === null || !this.ports.active()) {
      return;
    }
    // The log first: a joiner is a member at the server before they are one in the log, so that whoever is in
    // this state and missing from the list read after it has really gone.
    await this.ports.log.refresh();
    const state = this.ports.log.trusted();
    const members = await this.ports.refreshMembers();
    const gone = [...state.members.keys()].filter((user) => !members.some((member) => member.user.id === user));
    const changes = await permittedOf(await this.changes(state, members, gone), state, keys);
    const current = state.epochs.at(-1);
    const awaited = this.blocksSending();
    const wanted = changes.length > 0 || this.keyLost() || (worn && (await this.wornOut()));
    if (current === undefined || !(awaited || wanted)) {
      return;
    }
    if (!awaited && this.pace.wait() > 0) {
      this.schedule(this.pace.wait());
      return;
    }
    this.pace.take();
    const prepared = await prepareEpoch(state, keys, changes, [...gone, ...this.ports.log.strangers]);
    try {
      await this.context.api.commitEpoch(this.ports.room, {
        epoch: prepared.epoch,
        index: prepared.index,
        entries: prepared.entries.map(toBase64),
        bundles: prepared.bundles.map(({ device, seal }) => ({ device, bundle: toBase64(seal) })),
      });
    } catch (error) {
      if (!isProblem(error, 'conflict')) {
        throw error;
      }
      this.conflicts += 1;
      await this.ports.log.refresh();
      this.consider();
      return;
    }
    await this.ports.epochs.adopt(prepared.epoch, prepared);
    await this.ports.log.refresh();
    await this.wornOut();
    this.conflicts = this.ports.log.state?.rotationDue === true ? this.conflicts + 1 : 0;
    this.ports.committed(prepared.epoch);
  }

  /** What an admin's page signs along with the epoch. */
  private async changes(state: LogState, members: readonly WireMember[], gone: string[]): Promise<Change[]> {
    if (!this.ports.log.isAdmin) {
      return [];
    }
    const own = this.ports.log.self?.role;
    const removals: Change[] = gone
      .filter((user) => own === 'owner' || state.members.get(user)?.role !== 'owner')
      .map((user) => ({ op: 'remove', user }));
    const additions: Change[] = [];
    for (const member of this.strangers(members)) {
      const list = (await this.isToBeAdded(member)) ? await this.deviceList(member.user.id) : null;
      if (list !== null) {
        additions.push({ op: 'add', list });
      }
    }
    return [...removals, ...additions];
  }

  /** Pending by the server's word and unknown to the log; only an admin's page can do something for them. */
  private strangers(members: readonly WireMember[]): WireMember[] {
    const state = this.ports.log.state;
    if (state === null || !this.ports.log.isAdmin) {
      return [];
    }
    return members.filter((member) => member.role === 'pending' && !state.members.has(member.user.id));
  }

  /** Who came by invite link signs their own entry; all others, by room code or by the application's doing, are added. */
  private async isToBeAdded(member: WireMember): Promise<boolean> {
    const seq = member.joined_seq;
    if (seq === null) {
      return false;
    }
    const event = await this.ports.eventAt(seq);
    return event?.kind === 'member.joined' && event.data?.['via'] !== 'invite';
  }

  private async deviceList(user: string): Promise<DeviceList | null> {
    const list = await this.publishedList(user);
    if (list === null) {
      this.pollLater();
      return null;
    }
    this.keyPolls = 0;
    const opened = await openDeviceList(list, user);
    if (!opened.ok) {
      return null;
    }
    const pin = checkPin(opened.value, await this.context.store.pin(user));
    return pin.ok ? opened.value : null;
  }

  /** Looks again, less and less often. */
  private pollLater(): void {
    clearTimeout(this.pollTimer);
    const delay = Math.min(lastKeysPollDelay, keysPollDelay * 2 ** this.keyPolls++);
    this.pollTimer = setTimeout(() => this.consider(), delay);
  }

  private async publishedList(user: string) {
    try {
      const { list } = await this.context.api.devices(user);
      return list === null ? null : fromBase64(list);
    } catch (error) {
      if (isProblem(error, 'not_found')) {
        return null;
      }
      throw error;
    }
  }

  /** The epoch in force cannot be opened here: a new one heals it. */
  private keyLost(): boolean {
    const epoch = this.ports.log.state?.epochs.at(-1)?.epoch;
    return epoch !== undefined && !this.ports.epochs.has(epoch) && this.ports.epochs.isUnusable(epoch);
  }
}

/** One joiner whose device list the log refuses must not keep all others out. */
async function permittedOf(changes: Change[], state: LogState, keys: AccountKeys): Promise<Change[]> {
  const permitted: Change[] = [];
  for (const change of changes) {
    try {
      await signChange(state, keys, change);
      permitted.push(change);
    } catch (error) {
      if (!(error instanceof RefusedChange)) {
        throw error;
      }
    }
  }
  return permitted;
}

function jitter([least, most]: readonly [number, number]): number {
  return least + Math.random() * (most - least);
}
