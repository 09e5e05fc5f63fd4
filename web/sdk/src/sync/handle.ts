/**
 * The handle on one room that a user interface holds. It lives as long as the interface wants, also while the
 * room is not loaded yet or no longer there; the session puts the room in and takes it out.
 */
import { PorcupineError } from '../client/problem.ts';
import { maxContent, utf8 } from '../crypto/index.ts';
import type { RoomHandle, RoomView } from '../model.ts';
import type { SessionContext } from './context.ts';
import { Emitter } from './emitter.ts';
import type { Room } from './room.ts';
import { clientIdIn } from './timeline.ts';
import { blankView, viewOf } from './view.ts';

export class Handle implements RoomHandle {
  private readonly changes = new Emitter();
  private room: Room | null = null;
  private context: SessionContext | null = null;
  private unsubscribe: (() => void) | null = null;
  private shown: RoomView;

  constructor(
    readonly id: string,
    private readonly onClose: (handle: Handle) => void,
  ) {
    this.shown = blankView(id, 'loading');
  }

  attach(room: Room, context: SessionContext): void {
    if (this.room === room) {
      return;
    }
    this.detach('loading');
    this.room = room;
    this.context = context;
    this.unsubscribe = room.changes.subscribe(() => this.refresh());
    this.refresh();
  }

  detach(state: 'loading' | 'gone'): void {
    this.unsubscribe?.();
    this.unsubscribe = null;
    this.room = null;
    this.shown = blankView(this.id, state);
    this.changes.emit();
  }

  view(): RoomView {
    return this.shown;
  }

  subscribe(onChange: () => void): () => void {
    return this.changes.subscribe(onChange);
  }

  async send(text: string): Promise<void> {
    const length = utf8(text).length;
    if (length === 0) {
      throw new PorcupineError('invalid', 'the message is empty');
    }
    if (length > maxContent) {
      throw new PorcupineError('too_large', 'the message is too long', `at most ${maxContent} bytes`);
    }
    await this.present().outbox.add(text);
  }

  async retry(key: string): Promise<void> {
    await this.present().outbox.retry(clientIdIn(key));
  }

  async discard(key: string): Promise<void> {
    await this.present().outbox.discard(clientIdIn(key));
  }

  async loadOlder(): Promise<void> {
    await this.room?.loadOlder();
  }

  markRead(): void {
    this.room?.markRead();
  }

  typing(): void {
    this.room?.tellTyping();
  }

  close(): void {
    this.unsubscribe?.();
    this.unsubscribe = null;
    this.onClose(this);
  }

  private refresh(): void {
    if (this.room !== null && this.context !== null) {
      this.shown = viewOf(this.room, this.context);
      this.changes.emit();
    }
  }

  private present(): Room {
    if (this.room === null || this.room.gone) {
      throw new PorcupineError('not_member', 'this room is not here');
    }
    return this.room;
  }
}
