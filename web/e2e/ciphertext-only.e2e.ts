/**
 * The server never holds what was said: neither its dump, its files and logs, nor anything that
 * passed over the wire contains the words or the invite's secret, however they are written. The same search
 * does find the words of a room that isn't encrypted. And a dump, restored elsewhere, goes on.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Api } from './support/api';
import { People } from './support/browser';
import { owning } from './support/owned';
import type { Person } from './support/person';
import { Recorder } from './support/recorder';
import { findWords, readFolder, type Hay } from './support/search';
import { freePort, Stack } from './support/stack';

const WORDS = ['quokka-lantern', 'Zwetschgenknödel', 'marmalade-obelisk', 'тихая-гавань'];
const OPEN_WORD = 'wombat-telegraph';
const ROOM = 'Night train';

const own = owning();
let stack: Stack;
let recorder: Recorder;
let people: People;
let ada: Person;
let bob: Person;
let linkSecret: string;
const said = WORDS.map((word, index) => `${index + 1}: the word is ${word}, twice ${word}`);

beforeAll(async () => {
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  stack = own(await Stack.up('ciphertext-only', { origins: [origin] }), (stack) => stack.remove());
  recorder = own(await Recorder.start(port, () => stack.port), (recorder) => recorder.stop());
  people = own(await People.start(origin), (people) => people.close());
  ada = await people.add('ada');
  bob = await people.add('bob');
});

async function everythingTheServerHas(): Promise<Hay[]> {
  await stack.postgres('psql', ['-qc', 'CHECKPOINT']);
  const dump = await stack.postgres('pg_dump', []);
  return [
    { name: 'pg_dump', bytes: Buffer.from(dump, 'latin1') },
    { name: 'the wire', bytes: recorder.recording() },
    // The data files, the write-ahead log and the logs of both servers.
    ...readFolder(join(stack.dir, 'pg')),
    ...readFolder(join(stack.dir, 'log')),
  ];
}

describe('the server', () => {
  it('sees a conversation pass', async () => {
    await ada.register();
    await ada.createRoom(ROOM);
    const link = await ada.inviteLink();
    linkSecret = new URL(link).hash.slice(1);
    await bob.register();
    await bob.joinByLink(link);
    await bob.ready();
    for (const [index, text] of said.entries()) await (index % 2 === 0 ? ada : bob).send(text);
    await ada.reads(said);
    await bob.reads(said);
  });

  it('has none of its words in its dump, files, logs and traffic', async () => {
    const hay = await everythingTheServerHas();
    const names = hay.map(({ name }) => name);
    expect(names.some((name) => name.includes('pg_wal'))).toBe(true);
    expect(names.some((name) => name.endsWith('bridge.log'))).toBe(true);
    expect(findWords([...WORDS, linkSecret, ada.password], hay.filter(({ name }) => name !== 'the wire'))).toEqual([]);
    expect(findWords([...WORDS, linkSecret], hay)).toEqual([]);
  });

  it('was listened to in the clear: what it may know was recorded, in both directions', async () => {
    const wire = [{ name: 'the wire', bytes: recorder.recording() }];
    expect(recorder.recording().includes('content-encoding')).toBe(false);
    expect(findWords([ROOM], wire)).not.toEqual([]);
    expect(findWords(['"type":"send"', '"type":"ack"', '"type":"subscribe"'], wire)).toHaveLength(3);
    expect(findWords([ROOM], await everythingTheServerHas().then((hay) => hay.filter(({ name }) => name === 'pg_dump')))).not.toEqual([]);
  });

  it('does have the words of a room without encryption: the search finds them', async () => {
    const api = await Api.signIn(people.origin, ada.name, ada.password);
    const room = await api.call('POST', '/api/rooms/', { name: 'Glass house', encrypted: false });
    expect(room.status).toBe(201);
    const { id } = room.body as { id: string };
    const body = Buffer.from(`the word is ${OPEN_WORD}`).toString('base64');
    const sent = await api.call('POST', `/api/chat/rooms/${id}/messages/`, { client_id: crypto.randomUUID(), body });
    expect(sent.status).toBe(201);

    const finds = findWords([OPEN_WORD], await everythingTheServerHas());
    for (const place of ['pg_dump', 'the wire', 'pg_wal']) {
      expect(finds.filter((find) => find.includes(place)), place).not.toEqual([]);
    }
  });
});

describe('a dump restored into a fresh cluster', () => {
  it('goes on: clients start over from the new stream, read the history and write on', async () => {
    const dump = await stack.postgres('pg_dump', []);
    const restored = own(await Stack.prepare('ciphertext-only-restored', { origins: [people.origin] }), (stack) => stack.remove());
    const file = join(stack.dir, 'dump.sql');
    writeFileSync(file, dump, 'latin1');
    await restored.verb('start-postgres');
    await restored.postgres('psql', ['-qc', 'DROP DATABASE porcupine WITH (FORCE)'], { database: 'postgres' });
    await restored.postgres('psql', ['-qc', 'CREATE DATABASE porcupine'], { database: 'postgres' });
    // The bridge's login role was made with the cluster; the extension takes such grants over only when told to.
    await restored.postgres('psql', ['-q', '-v', 'ON_ERROR_STOP=1', '-f', file], { settings: '-c porcupine.adopt_roles=on' });

    const old = stack;
    await old.verb('stop-bridge');
    stack = restored;
    const recorded = recorder.recording().length;
    await restored.verb('start-bridge');
    await old.verb('stop-postgres');

    const after = ['the first words after the move', 'and an answer'];
    await ada.send(after[0] ?? '');
    await bob.send(after[1] ?? '');
    await ada.reads([...said, ...after]);
    await bob.reads([...said, ...after]);
    expect(recorder.recording().subarray(recorded).includes('"type":"reset"')).toBe(true);

    for (const person of [ada, bob]) {
      await person.page.reload();
      await person.reads([...said, ...after]);
    }
  });
});
