/**
 * A word between the tabs of one browser that show the same account: the outbox of a room has changed.
 * Only a hint; each tab reads the shared store.
 */
export class TabChannel {
  private readonly channel: BroadcastChannel | null;

  constructor(name: string, onOutboxChanged: (room: string) => void) {
    // Outside a browser there are no other tabs, and an open channel would keep a program from ending.
    this.channel = typeof document === 'undefined' ? null : new BroadcastChannel(name);
    if (this.channel !== null) {
      this.channel.onmessage = ({ data }: MessageEvent<unknown>) => {
        if (typeof data === 'string') {
          onOutboxChanged(data);
        }
      };
    }
  }

  outboxChanged(room: string): void {
    this.channel?.postMessage(room);
  }

  close(): void {
    this.channel?.close();
  }
}
