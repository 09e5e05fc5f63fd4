/**
 * Opening messages: hands what the server says and what the log says to the encryption layer and brings
 * back text, or the failure in words. It keeps nothing.
 */
import type { WireEvent } from '../client/wire.ts';
import {
  fromBase64,
  fromUtf8,
  openMessage,
  type Bytes,
  type ChainEnd,
  type EpochKey,
  type LogState,
  type MessageFailure,
} from '../crypto/index.ts';
import type { StoredEvent } from '../store/schema.ts';
import { advanceChain, countRemoved, predecessor, type ChainState } from './chain.ts';
import { isOrderFailure, type Open, type Opened, type WindowEvent } from './window.ts';

export interface OpeningContext {
  log: LogState;
  epochKey: (epoch: number) => Promise<EpochKey | null>;
  hashAt: (seq: number) => Bytes | undefined;
}

/** Whether an event is a message of a member, to be opened. */
export function isMessage(event: WireEvent): boolean {
  return event.kind === 'message' || event.kind === 'edit' || event.kind === 'reaction';
}

export async function openEncrypted(
  event: WireEvent,
  previous: ChainEnd | null | undefined,
  context: OpeningContext,
): Promise<Opened> {
  const body = event.body === null ? null : fromBase64(event.body);
  const { sender, device, client_id: clientId, epoch } = event;
  if (body === null || sender === null || device === null || clientId === null || epoch === null) {
    return failed('malformed');
  }
  const result = await openMessage(
    { seq: event.seq, sender, device, clientId, epoch, body },
    { log: context.log, epochKey: await context.epochKey(epoch), previous, hashAt: context.hashAt },
  );
  const found = { link: result.ok ? result.message.link : (result.link ?? null), previous: null as Bytes | null };
  found.previous = (result.ok ? result.message.header : result.header)?.previous ?? null;
  if (!result.ok && result.reason === 'unknown_log_head' && result.header !== undefined) {
    return { text: null, failure: result.reason, ...found, unknownHead: result.header.logHead };
  }
  if (!result.ok) {
    return { text: null, failure: result.reason, ...found };
  }
  const text = result.message.header.type === 'text' ? fromUtf8(result.message.content) : null;
  return { text, failure: text === null ? 'unsupported' : null, ...found };
}

/** A room that is not encrypted: the body is the text. */
export function openPlain(event: WireEvent): Opened {
  const body = event.body === null ? null : fromBase64(event.body);
  const text = body === null ? null : fromUtf8(body);
  return text === null ? failed('malformed') : { text, failure: null, link: null, previous: null };
}

/**
 * Opens events that follow one another, from an unknown beginning. A failure of order that was found when an
 * event came in stays, since what it was judged by may lie further back.
 */
export async function openRun(
  stored: readonly StoredEvent[],
  open: Open,
): Promise<{ items: WindowEvent[]; chains: ChainState }> {
  const chains: ChainState = new Map();
  const complete = stored[0]?.event.seq === 1;
  const items: WindowEvent[] = [];
  for (const { event, fault } of stored) {
    if (!isMessage(event)) {
      items.push({ event, opened: null });
      continue;
    }
    const known = event.device === null ? null : predecessor(chains, event.device, complete);
    let opened = await open(event, fault === null ? known : undefined);
    if (fault !== null) {
      opened = { ...opened, text: null, failure: fault };
    }
    countRemoved(chains, event, complete);
    if (event.device !== null && opened.link !== null && opened.failure !== 'replayed') {
      advanceChain(chains, event.device, opened.link);
    }
    items.push({ event, opened });
  }
  return { items, chains };
}

export function toStored({ event, opened }: WindowEvent): StoredEvent {
  const failure = opened?.failure ?? null;
  return { event, fault: isOrderFailure(failure) ? failure : null };
}

/** The failed check, for the user. */
export const failureWords: Readonly<Record<MessageFailure, string>> = {
  malformed: 'It is not in the format of this app.',
  unsupported: 'It is in a format that this version of the app does not know.',
  wrong_room: 'It was written for another room.',
  wrong_sender: 'Its author is not the one whom the server names.',
  wrong_client_id: 'Its number is not the one that the server gives.',
  wrong_epoch: 'It was written under another key than the server says.',
  epoch_not_in_force: 'It uses a key that was not in force at this place.',
  unknown_log_head: 'Its author saw another history of the members of this room.',
  wrong_log_head: 'It was written for another state of this room’s members.',
  unknown_device: 'The device that wrote it belongs to no member.',
  removed: 'Its author was no longer a member.',
  bad_signature: 'Its signature is wrong.',
  identity_changed: 'The identity key of its author is not the one that this device knows.',
  replayed: 'It was delivered before.',
  gap: 'An earlier message of the same author is missing.',
  broken_chain: 'It does not follow from the message before it.',
  forked: 'Its author saw other messages than this device.',
  no_key: 'This device does not have its key.',
  bad_commitment: 'It does not belong to the key that it names.',
  cannot_decrypt: 'It was changed on its way.',
  bad_content: 'Its content is damaged.',
};

function failed(failure: MessageFailure): Opened {
  return { text: null, failure, link: null, previous: null };
}
