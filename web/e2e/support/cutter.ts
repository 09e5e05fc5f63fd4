/**
 * A relay between browser and bridge that can lose the answers to refreshes: the bridge gets the request and answers it, and the
 * connection breaks before the browser hears of it.
 */
import type { Socket } from 'node:net';
import { Relay } from './relay';

export class Cutter {
  /** Whether answers to refreshes are lost. */
  cutting = false;
  /** How many were. */
  cuts = 0;
  private relay: Relay | null = null;

  static async start(port: number, target: () => number): Promise<Cutter> {
    const cutter = new Cutter();
    cutter.relay = await Relay.start(port, target, (client, bridge) => cutter.join(client, bridge));
    return cutter;
  }

  async stop(): Promise<void> {
    await this.relay?.stop();
  }

  private join(client: Socket, bridge: Socket): void {
    let doomed = false;
    client.on('data', (data) => {
      if (this.cutting && data.includes('POST /api/auth/refresh/')) doomed = true;
      bridge.write(data);
    });
    bridge.on('data', (data) => {
      if (!doomed) {
        client.write(data);
        return;
      }
      this.cuts += 1;
      client.destroy();
      bridge.destroy();
    });
  }
}
