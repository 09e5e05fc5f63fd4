/**
 * What the server says about one room: its record and its list of members, kept up to date by events. Nothing
 * here is vouched for; the signed log is elsewhere.
 */
import type { WireEvent, WireMember, WireRoom } from '../client/wire.ts';
import type { Role } from '../model.ts';
import type { SessionContext } from './context.ts';
import { userIdIn, userIn } from './people.ts';

export class RoomFacts {
  private memberList: readonly WireMember[] = [];

  constructor(
    private readonly context: SessionContext,
    private wire: WireRoom,
  ) {}

  get room(): WireRoom {
    return this.wire;
  }

  get members(): readonly WireMember[] {
    return this.memberList;
  }

  get pending(): boolean {
    return this.wire.role === 'pending';
  }

  restore(members: readonly WireMember[]): void {
    this.memberList = members;
  }

  /** From here on nothing that the server says makes this room one that is not encrypted. */
  markEncrypted(): void {
    this.update({ encrypted: true });
  }

  /**
   * The room as the server sees it now; a read mark that it does not know yet is told again. What was known
   * as encrypted stays so.
   */
  replace(wire: WireRoom): void {
    const read = Math.max(wire.read_seq ?? 0, this.wire.read_seq ?? 0);
    if (read > (wire.read_seq ?? 0) && wire.role !== 'pending') {
      this.context.send({ type: 'read', room: wire.id, seq: read });
    }
    this.wire = { ...wire, encrypted: wire.encrypted || this.wire.encrypted, read_seq: read };
  }

  update(fields: Partial<WireRoom>): void {
    this.wire = { ...this.wire, ...fields };
  }

  /** Raises the read mark; false when it is there already. */
  markRead(seq: number): boolean {
    if (seq <= (this.wire.read_seq ?? 0)) {
      return false;
    }
    this.update({ read_seq: seq });
    this.context.send({ type: 'read', room: this.wire.id, seq });
    return true;
  }

  /** What an event of the server changes. */
  learn(event: WireEvent): void {
    const data = event.data ?? {};
    const person = userIn(data['user']);
    if (person !== null) {
      this.context.people.add([person]);
    }
    if (event.kind === 'epoch' && typeof data['epoch'] === 'number' && data['epoch'] >= this.wire.epoch) {
      this.update({ epoch: data['epoch'], epoch_open: true });
    } else if (event.kind === 'epoch.closed') {
      this.update({ epoch_open: false });
    } else if (event.kind === 'room.renamed' && typeof data['name'] === 'string') {
      this.update({ name: data['name'] });
    } else if (event.kind === 'member.role' && userIdIn(data['user']) === this.context.me.user) {
      this.update({ role: data['role'] as Role });
    }
  }

  async refreshMembers(): Promise<readonly WireMember[]> {
    this.memberList = await this.context.api.members(this.wire.id);
    this.context.people.add(this.memberList.map(({ user }) => user));
    await this.save();
    return this.memberList;
  }

  async refreshRoom(): Promise<void> {
    const { name, role, epoch, epoch_open } = await this.context.api.room(this.wire.id);
    this.update({ name, role, epoch, epoch_open });
  }

  save(): Promise<void> {
    return this.context.store.saveRoom({ room: this.wire, members: [...this.memberList] });
  }
}
