/**
 * One message on its way to the server: hands the frame over and waits for what comes of it. It stores
 * nothing and decides nothing about the message.
 */
import type { PorcupineError } from '../client/problem.ts';

export type Outcome =
  | { kind: 'stored'; seq: number }
  | { kind: 'refused'; problem: PorcupineError }
  /** `silent`: there is a connection, and no answer came over it. */
  | { kind: 'unknown'; silent: boolean };

const answerDeadline = 15_000;

export class Flight {
  private current: { clientId: string; resolve: (outcome: Outcome) => void } | null = null;

  /** Sends one frame; `transmit` says false when there is no connection. */
  send(clientId: string, transmit: () => boolean): Promise<Outcome> {
    return new Promise<Outcome>((resolve) => {
      const deadline = setTimeout(() => this.land(clientId, { kind: 'unknown', silent: true }), answerDeadline);
      this.current = {
        clientId,
        resolve: (outcome) => {
          clearTimeout(deadline);
          this.current = null;
          resolve(outcome);
        },
      };
      if (!transmit()) {
        this.lost();
      }
    });
  }

  /** An answer about `clientId` came; one about another message changes nothing. */
  land(clientId: string, outcome: Outcome): void {
    if (this.current?.clientId === clientId) {
      this.current.resolve(outcome);
    }
  }

  /** The connection is gone, and the answer with it. */
  lost(): void {
    this.current?.resolve({ kind: 'unknown', silent: false });
  }
}
