/**
 * The secrets of one room's epochs: fetched as bundles for this device, opened, verified against the log and
 * kept sealed. A bundle that does not open is remembered, so that somebody can begin another epoch.
 */
import { fromBase64, openEpoch, unsealEpoch, type EpochKey, type LogState, type OpenedEpoch } from '../crypto/index.ts';
import type { SessionContext } from './context.ts';
import { Serial } from './serial.ts';

export class EpochKeys {
  private readonly open = new Map<number, EpochKey>();
  private readonly known = new Set<number>();
  private readonly unusable = new Set<number>();
  private readonly serial = new Serial();

  constructor(
    private readonly context: SessionContext,
    private readonly room: string,
  ) {}

  async load(): Promise<void> {
    for (const epoch of await this.context.store.knownEpochs(this.room)) {
      this.known.add(epoch);
    }
  }

  has(epoch: number): boolean {
    return this.known.has(epoch);
  }

  /** The bundle of this epoch was there and does not open, or none was there. */
  isUnusable(epoch: number): boolean {
    return this.unusable.has(epoch);
  }

  async key(state: LogState, epoch: number): Promise<EpochKey | null> {
    const open = this.open.get(epoch);
    if (open !== undefined) {
      return open;
    }
    const keys = this.context.keys();
    const sealed = this.known.has(epoch) ? await this.context.store.epoch(this.room, epoch) : undefined;
    if (keys === null || sealed === undefined) {
      return null;
    }
    const key = await unsealEpoch(keys, state.room, epoch, sealed);
    if (key !== null) {
      this.open.set(epoch, key);
    }
    return key;
  }

  async adopt(epoch: number, opened: OpenedEpoch): Promise<void> {
    await this.context.store.addEpoch(this.room, epoch, opened.sealed);
    this.open.set(epoch, opened.epochKey);
    this.known.add(epoch);
    this.unusable.delete(epoch);
  }

  /** Fetches the bundles of the epochs that are not here; tells whether any came. */
  refresh(state: LogState): Promise<boolean> {
    return this.serial.run(() => this.fetch(state));
  }

  private async fetch(state: LogState): Promise<boolean> {
    const keys = this.context.keys();
    const missing = state.epochs.map(({ epoch }) => epoch).filter((epoch) => !this.known.has(epoch));
    const first = missing.find((epoch) => !this.unusable.has(epoch));
    if (keys === null || first === undefined) {
      return false;
    }
    const { results } = await this.context.api.epochs(this.room, first - 1);
    let came = false;
    for (const { epoch, bundle } of results) {
      const bytes = fromBase64(bundle);
      if (this.known.has(epoch) || bytes === null) {
        continue;
      }
      const opened = await openEpoch(state, keys, epoch, bytes);
      if (opened.ok) {
        await this.adopt(epoch, opened.value);
        came = true;
      }
    }
    for (const epoch of missing) {
      if (!this.known.has(epoch)) {
        this.unusable.add(epoch);
      }
    }
    return came;
  }
}
