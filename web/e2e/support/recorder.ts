/**
 * A wire tap: a relay between browser and bridge that keeps every byte of both directions.
 * What a browser masks in its WebSocket frames (RFC 6455, section 5.3) is kept unmasked as well.
 */
import type { Socket } from 'node:net';
import { Relay } from './relay';

export class Recorder {
  private readonly chunks: Buffer[] = [];
  private relay: Relay | null = null;

  private constructor(readonly port: number) {}

  static async start(port: number, target: () => number): Promise<Recorder> {
    const recorder = new Recorder(port);
    recorder.relay = await Relay.start(port, target, (client, bridge) => recorder.join(client, bridge));
    return recorder;
  }

  /** Everything said so far, in both directions. */
  recording(): Buffer {
    return Buffer.concat(this.chunks);
  }

  async stop(): Promise<void> {
    await this.relay?.stop();
  }

  private join(client: Socket, bridge: Socket): void {
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
