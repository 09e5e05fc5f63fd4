/**
 * The last authentic message of each device up to some point of a room's log. Each message names the one
 * before it, so whoever reads on from here notices a dropped, repeated or reordered one. Pure.
 */
import type { WireEvent } from '../client/wire.ts';
import { beforeFirst, type ChainEnd, type ChainLink } from '../crypto/index.ts';

/** By device id. */
export type ChainState = Map<string, ChainEnd>;

/**
 * What a device's next message has to follow: its last one, null when it must be its first, undefined when
 * that is not known because the reader has not seen the log from its beginning (`complete` false).
 */
export function predecessor(state: ChainState, device: string, complete: boolean): ChainEnd | null | undefined {
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

/**
 * A message that the server shows as removed: it has no hash any more, and keeps its place by being counted. Edits and reactions are
 * not, for nothing stands in the timeline where one was removed; nor is anything of an epoch whose messages before are not known.
 */
export function countRemoved(state: ChainState, event: WireEvent, complete: boolean): void {
  const { device, epoch } = event;
  if (event.kind !== 'message' || event.body !== '' || device === null || epoch === null) {
    return;
  }
  const last = state.get(device) ?? (complete && epoch === 0 ? beforeFirst : undefined);
  if (last?.epoch === epoch) {
    state.set(device, { ...last, removed: (last.removed ?? 0) + 1 });
  }
}
