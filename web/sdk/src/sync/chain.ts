/**
 * The last authentic message of each device up to some point of a room's log. Each message names the one
 * before it, so whoever reads on from here notices a dropped, repeated or reordered one. Pure.
 */
import type { ChainLink } from '../crypto/index.ts';

/** By device id. */
export type ChainState = Map<string, ChainLink>;

/**
 * What a device's next message has to follow: its last one, null when it must be its first, undefined when
 * that is not known because the reader has not seen the log from its beginning (`complete` false).
 */
export function predecessor(state: ChainState, device: string, complete: boolean): ChainLink | null | undefined {
  return state.get(device) ?? (complete ? null : undefined);
}

/**
 * Moves on to an authentic message, also over a gap, so that one loss is shown once. A repeated or older
 * message changes nothing.
 */
export function advanceChain(state: ChainState, device: string, link: ChainLink): void {
  const last = state.get(device);
  if (last === undefined || comesAfter(link, last)) {
    state.set(device, link);
  }
}

/** Whether `link` stands later in its device's chain than `last`. */
export function comesAfter(link: ChainLink, last: ChainLink): boolean {
  return link.epoch > last.epoch || (link.epoch === last.epoch && link.counter > last.counter);
}
