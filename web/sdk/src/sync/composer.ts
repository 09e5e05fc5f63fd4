/**
 * Turns a user's text into the finished body of a message for one room, and seals text that waits. It sends
 * and stores nothing.
 */
import { isProblem, untrusted } from '../client/problem.ts';
import {
  fromUtf8,
  openLocal,
  sealLocal,
  sealMessage,
  toBase64,
  utf8,
  type Bytes,
  type ChainLink,
} from '../crypto/index.ts';
import type { RoomLog } from './control.ts';
import type { SessionContext } from './context.ts';
import type { EpochKeys } from './epochs.ts';
import { requireKeys } from './invites.ts';
import type { Built, Draft } from './outbox.ts';
import type { Rekeyer } from './rekey.ts';
import type { EventWindow } from './window.ts';

const restPurpose = 'outbox';
/** What says nothing about the message: it waits. */
const passing = ['busy', 'rate_limited', 'unreachable', 'malformed_answer', 'internal', 'unauthenticated', 'session_ended'];

export interface ComposerPorts {
  log: RoomLog;
  epochs: EpochKeys;
  rekeyer: Rekeyer;
  window: EventWindow;
  /** The epoch of a room that is not encrypted; null in one that is. */
  plainEpoch(): number | null;
  fetchKeys(): Promise<void>;
}

export class Composer {
  constructor(
    private readonly context: SessionContext,
    private readonly ports: ComposerPorts,
  ) {}

  /** The body for the epoch in force, or null when the room is not ready for it yet. */
  async build({ clientId, text, encrypted }: Draft, last: ChainLink | null): Promise<Built | null> {
    const plainEpoch = this.ports.plainEpoch();
    if (plainEpoch !== null) {
      if (encrypted) {
        throw untrusted('the server says that this encrypted room is not encrypted');
      }
      return { body: toBase64(utf8(text)), link: { epoch: plainEpoch, counter: 0, hash: new Uint8Array(32) } };
    }
    const keys = requireKeys(this.context);
    if (!(await this.readyToEncrypt())) {
      return null;
    }
    const log = this.ports.log.trusted();
    const epoch = log.epochs.at(-1)?.epoch;
    const epochKey = epoch === undefined ? null : await this.ports.epochs.key(log, epoch);
    if (epochKey === null) {
      return null;
    }
    const sealed = await sealMessage({
      epochKey,
      logHead: log.head,
      user: this.context.me.user,
      device: this.context.me.device,
      signingKey: keys.signing.privateKey,
      last,
      clientId,
      seen: this.ports.window.newest() ?? { seq: 0, hash: new Uint8Array(32) },
      type: 'text',
      content: utf8(text),
    });
    return { body: toBase64(sealed.body), link: sealed.link };
  }

  async sealText(text: string): Promise<Bytes> {
    const keys = this.context.keys();
    // Without keys only rooms that are not encrypted can be written to: there is nothing to protect.
    return keys === null ? utf8(text) : sealLocal(keys.storageKey, restPurpose, utf8(text));
  }

  async unsealText(sealed: Bytes): Promise<string> {
    const keys = this.context.keys();
    const plain = keys === null ? sealed : await openLocal(keys.storageKey, restPurpose, sealed);
    return (plain === null ? null : fromUtf8(plain)) ?? '';
  }

  /** The next sender makes the epoch that is due, and does not wait for the others. */
  private async readyToEncrypt(): Promise<boolean> {
    const { log, rekeyer } = this.ports;
    if (log.fault !== null) {
      throw untrusted(log.fault);
    }
    try {
      const ready = await rekeyer.beforeSending();
      await this.ports.fetchKeys();
      return ready;
    } catch (error) {
      if (!isProblem(error, ...passing)) {
        throw error;
      }
      this.context.report(error);
      return false;
    }
  }
}
