/**
 * The encryption in a real browser: the same vectors and the same golden room as in Node, and keys that went through
 * IndexedDB. Built into one file and run by web/e2e; gives the lines of a report, each "ok …" or "failed …".
 */
import {
  createAccountKeys,
  foldLog,
  fromUtf8,
  openEpoch,
  openMessage,
  toHex,
  unsealEpoch,
} from '../../src/crypto/index.ts';
import type { ChainLink } from '../../src/crypto/index.ts';
import type { GoldenRoom } from '../golden/make.ts';
import { accountOf } from '../support/given-keys.ts';
import { Room, hex, must, unwrap } from '../support/world.ts';
import { suites } from '../support/wycheproof.ts';

/** `vectors`: Wycheproof's files by name, as many as there are. */
export async function runChecks(vectors: Record<string, unknown>, golden: GoldenRoom): Promise<string[]> {
  const checks: [string, () => Promise<void>][] = [
    ...Object.entries(vectors).map(([name, file]): [string, () => Promise<void>] => [name, () => vectorsHold(name, file)]),
    ['golden room', () => goldenRoomIsRead(golden)],
    ['keys from IndexedDB', keysSurviveStorage],
  ];
  const report: string[] = [];
  for (const [name, check] of checks) {
    report.push(await check().then(() => `ok ${name}`, (error: unknown) => `failed ${name}: ${String(error)}`));
  }
  return report;
}

function same(what: string, found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`${what}: ${String(found)} instead of ${String(expected)}`);
}

async function vectorsHold(name: string, file: unknown): Promise<void> {
  const { wrong } = await must(suites[name])(file);
  same('wrong cases', wrong.join(), '');
}

async function goldenRoomIsRead(golden: GoldenRoom): Promise<void> {
  const folded = await foldLog(null, golden.log.map(({ entry, seq }) => ({ bytes: hex(entry), seq })));
  if (!folded.ok) throw new Error(folded.reason);
  const people = await Promise.all(golden.people.map(accountOf));
  const last = new Map<string, ChainLink>();
  for (const { type, content, hash, body, ...outer } of golden.messages) {
    const { bundles } = must(golden.epochs[outer.epoch]);
    const { seal } = must(bundles.find(({ user }) => user === outer.sender));
    const reader = must(people.find(({ user }) => user === outer.sender));
    const { epochKey } = unwrap(await openEpoch(folded.state, reader, outer.epoch, hex(seal)));
    const previous = last.get(outer.device) ?? null;
    const opened = await openMessage({ ...outer, body: hex(body) }, { log: folded.state, epochKey, previous });
    if (!opened.ok) throw new Error(opened.reason);
    same('content', toHex(opened.message.content), content);
    same('type', opened.message.header.type, type);
    same('hash', toHex(opened.message.link.hash), hash);
    last.set(outer.device, opened.message.link);
  }
}

async function keysSurviveStorage(): Promise<void> {
  const ada = await createAccountKeys('1', '11');
  const room = await Room.begin(ada);
  const event = await room.send(ada, 'after a reload');
  const state = await room.state();
  const opened = unwrap(await openEpoch(state, ada, 0, room.bundleFor(ada, 0)));

  const stored = await throughIndexedDb({ ada, state, sealed: opened.sealed });
  same('extractable', stored.ada.signing.privateKey.extractable, false);
  const epochKey = must(await unsealEpoch(stored.ada, stored.state.room, 0, stored.sealed));
  const read = await openMessage(event, { log: stored.state, epochKey, previous: null });
  if (!read.ok) throw new Error(read.reason);
  same('text', fromUtf8(read.message.content), 'after a reload');
  // and they still sign
  const next = await Room.begin(stored.ada);
  const result = await next.open(stored.ada, await next.send(stored.ada, 'still here'), { previous: null });
  same('opens', result.ok, true);
}

async function throughIndexedDb<T>(value: T): Promise<T> {
  const name = 'porcupine-encryption-check';
  const open = indexedDB.open(name, 1);
  open.onupgradeneeded = () => open.result.createObjectStore('values');
  const database = await done(open);
  try {
    await done(database.transaction('values', 'readwrite').objectStore('values').put(value, 'key'));
    return await done(database.transaction('values').objectStore('values').get('key') as IDBRequest<T>);
  } finally {
    database.close();
    await done(indexedDB.deleteDatabase(name));
  }
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('IndexedDB'));
  });
}
