/**
 * What this device remembers of a room when the server makes it begin anew: the last message of each device
 * and the newest message of all. A reset is only the server's word; with this, a message that comes a second
 * time and a history that was set back show all the same.
 */
import type { WireEvent } from '../client/wire.ts';
import { equalBytes, type Bytes } from '../crypto/index.ts';
import type { SeenBefore } from '../store/schema.ts';
import { comesAfter, type ChainState } from './chain.ts';
import type { Opened, WindowEvent } from './window.ts';

export class ChainMemory {
  private seen: SeenBefore = { floors: [], newest: null, rewound: null };

  get stored(): SeenBefore {
    return this.seen;
  }

  /** Where and when the server showed an older or another history than this device has seen. */
  get rewound(): SeenBefore['rewound'] {
    return this.seen.rewound;
  }

  restore(seen: SeenBefore): void {
    this.seen = seen;
  }

  /** The events up to `last`, with `chains` and `newest` at their end, are dropped for a beginning behind `head`. */
  keep(chains: ChainState, last: number, newest: { seq: number; hash: Bytes } | null, head: number): void {
    const floors = new Map(this.seen.floors.map((floor) => [floor.device, floor]));
    for (const [device, link] of chains) {
      const known = floors.get(device);
      if (known === undefined || comesAfter(link, known.link)) {
        floors.set(device, { device, link, seq: last });
      }
    }
    this.seen = {
      floors: [...floors.values()].map((floor) => ({ ...floor, seq: Math.min(floor.seq, head) })),
      newest: newest ?? this.seen.newest,
      rewound: this.seen.rewound,
    };
    this.compareHead(last, head);
  }

  /** The server says that the room ends at `head`, after this device had its events up to `last`. */
  compareHead(last: number, head: number): void {
    if (head < last) {
      this.rewind(head);
    }
  }

  /** Looks whether the newest message that was seen is still what stands at its place. */
  compare(items: readonly WindowEvent[]): void {
    const { newest } = this.seen;
    const there = newest === null ? undefined : items.find(({ event }) => event.seq === newest.seq);
    if (newest === null || there === undefined) {
      return;
    }
    const link = there.opened?.link ?? null;
    if (there.opened === null || (link !== null && !equalBytes(link.hash, newest.hash))) {
      this.rewind(newest.seq);
    }
  }

  /** A message behind what was seen that its device had written before it: it is a repeated one. */
  judge(event: WireEvent, opened: Opened): Opened {
    const floor = this.seen.floors.find(({ device }) => device === event.device);
    const { link } = opened;
    if (floor === undefined || link === null || event.seq <= floor.seq || comesAfter(link, floor.link)) {
      return opened;
    }
    return { ...opened, text: null, failure: 'replayed' };
  }

  private rewind(seq: number): void {
    this.seen = { ...this.seen, rewound: this.seen.rewound ?? { seq, at: Date.now() } };
  }
}
