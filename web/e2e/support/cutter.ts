/**
 * A TCP proxy between browser and bridge that can lose the answers to refreshes: the bridge gets the request and answers it, and the
 * connection breaks before the browser hears of it.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

export class Cutter {
  /** Whether answers to refreshes are lost. */
  cutting = false;
  /** How many were. */
  cuts = 0;
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {}

  static async start(port: number, target: () => number): Promise<Cutter> {
    const server = createServer();
    const cutter = new Cutter(server);
    server.on('connection', (client) => cutter.relay(client, target()));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    return cutter;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private relay(client: Socket, port: number): void {
    const bridge = connect(port, '127.0.0.1');
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
    this.couple(client, bridge);
    this.couple(bridge, client);
  }

  private couple(socket: Socket, other: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => other.destroy());
    socket.on('close', () => {
      this.sockets.delete(socket);
      other.destroy();
    });
  }
}
