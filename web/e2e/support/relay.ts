/** A TCP relay between browser and bridge: pairs of sockets that end together. What passes between them is its users' to see to. */
import { connect, createServer, type Server, type Socket } from 'node:net';

export class Relay {
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {}

  /** Listens on `port`; `join` is given each client with its connection to the port that `target` names then, and hands on their data. */
  static async start(port: number, target: () => number, join: (client: Socket, bridge: Socket) => void): Promise<Relay> {
    const server = createServer();
    const relay = new Relay(server);
    server.on('connection', (client) => {
      const bridge = connect(target(), '127.0.0.1');
      join(client, bridge);
      relay.couple(client, bridge);
      relay.couple(bridge, client);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    return relay;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
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
