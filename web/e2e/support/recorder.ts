/**
 * A wire tap: a TCP proxy between browser and bridge that keeps every byte of both directions.
 * What a browser masks in its WebSocket frames (RFC 6455, section 5.3) is kept unmasked as well.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

export class Recorder {
  private readonly chunks: Buffer[] = [];
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async start(port: number, target: () => number): Promise<Recorder> {
    const server = createServer();
    const recorder = new Recorder(server, port);
    server.on('connection', (client) => recorder.relay(client, target()));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    return recorder;
  }

  /** Everything said so far, in both directions. */
  recording(): Buffer {
    return Buffer.concat(this.chunks);
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private relay(client: Socket, port: number): void {
    const bridge = connect(port, '127.0.0.1');
    const frames = new FrameReader();
    let upgraded = false;
    client.on('data', (data) => {
      this.chunks.push(data);
      if (upgraded) this.chunks.push(...frames.unmask(data));
      bridge.write(data);
    });
    bridge.on('data', (data) => {
      this.chunks.push(data);
      if (!upgraded && data.subarray(0, 12).toString('latin1') === 'HTTP/1.1 101') upgraded = true;
      client.write(data);
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

/** Takes a client's frames out of a byte stream and gives their payloads, unmasked. */
class FrameReader {
  private rest = Buffer.alloc(0);

  unmask(data: Buffer): Buffer[] {
    this.rest = Buffer.concat([this.rest, data]);
    const payloads: Buffer[] = [];
    for (;;) {
      const payload = this.next();
      if (payload === null) return payloads;
      payloads.push(payload);
    }
  }

  private next(): Buffer | null {
    const { rest } = this;
    if (rest.length < 2) return null;
    const short = rest.readUInt8(1) & 0x7f;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const start = 2 + lengthBytes + 4;
    if (rest.length < start) return null;
    const length = lengthBytes === 0 ? short : lengthBytes === 2 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2));
    if (rest.length < start + length) return null;
    const mask = rest.subarray(start - 4, start);
    const payload = Buffer.from(rest.subarray(start, start + length));
    for (let index = 0; index < payload.length; index += 1) {
      payload.writeUInt8(payload.readUInt8(index) ^ mask.readUInt8(index % 4), index);
    }
    this.rest = Buffer.from(rest.subarray(start + length));
    return payload;
  }
}
