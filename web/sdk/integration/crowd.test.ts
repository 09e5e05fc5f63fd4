/** Many at once: joiners who race, tabs that share a device, readers far behind, owners who go. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stack } from '../../e2e/support/stack.ts';
import { Person, until } from './person.ts';

let stack: Stack;
let people: Person[];
let owner: Person;
let reader: Person;
let third: Person;

const names = ['Ada', 'Bob', 'Cleo', 'Dan', 'Eve', 'Fay'];

beforeAll(async () => {
  stack = await Stack.prepare('sdk-crowd');
  await stack.verb('up');
  people = await Promise.all(names.map((name) => Person.register(stack.origin, name)));
  [owner, reader, third] = people as [Person, Person, Person];
});

afterAll(async () => {
  await Person.closeAll();
  await stack.remove();
});

/** A room of `owner` with everybody in it, who all came at the same moment. */
async function gather(name: string): Promise<string> {
  const summary = await owner.client.createRoom(name);
  const link = await owner.client.createInvite(summary.id, { expiresIn: 3600, maxUses: null });
  await Promise.all(
    people.slice(1).map((person, index) =>
      index % 2 === 0 ? person.client.joinByLink(link) : person.client.joinByCode(summary.code ?? ''),
    ),
  );
  await Promise.all(people.map((person) => person.inside(summary.id)));
  return summary.id;
}

const messagesOf = (person: Person, room: string): string[] =>
  person.messages(room).flatMap((item) => (item.type === 'message' ? [item.text] : []));

test('all who join at once get in, and all read all', async () => {
  const room = await gather('Crowd');
  const texts = people.flatMap(({ name }) => [1, 2, 3, 4].map((count) => `${name} ${count}`));
  await Promise.all(people.map(async (person) => {
    for (const text of texts.filter((one) => one.startsWith(person.name))) {
      await person.room(room).send(text);
    }
  }));
  await Promise.all(people.map((person) => person.reads(room, ...texts)));
  for (const person of people) {
    expect(messagesOf(person, room)).toEqual(messagesOf(owner, room));
    expect(messagesOf(owner, room).filter((text) => text.startsWith(person.name))).toEqual(
      texts.filter((text) => text.startsWith(person.name)),
    );
  }
});

test('tabs of one browser write at once, and the chain of their device holds', async () => {
  const room = (await owner.client.createRoom('Tabs')).id;
  await reader.client.joinByLink(await owner.client.createInvite(room, { expiresIn: 3600, maxUses: 1 }));
  await reader.inside(room);
  const tab = await owner.tab();
  await Promise.all([owner.inside(room), tab.inside(room)]);
  const texts = Array.from({ length: 20 }, (_, index) => `tab ${index}`);
  await Promise.all(texts.map((text, index) => (index % 2 === 0 ? owner : tab).room(room).send(text)));
  await Promise.all([owner, tab, reader].map((person) => person.reads(room, ...texts)));
  expect(reader.messages(room).map((item) => item.type)).toEqual(texts.map(() => 'message'));
  await Promise.all([owner.delivered(room), tab.delivered(room)]);
  await tab.close();
});

test('who was away for more than five hundred messages pages back to where they were', async () => {
  const room = (await owner.client.createRoom('Flood')).id;
  await reader.client.joinByLink(await owner.client.createInvite(room, { expiresIn: 3600, maxUses: 1 }));
  await reader.inside(room);
  await reader.close();
  const texts = Array.from({ length: 520 }, (_, index) => `drop ${index}`);
  await Promise.all(texts.map((text) => owner.room(room).send(text)));
  await owner.delivered(room);
  await reader.restart();
  await reader.reads(room, texts.at(-1) ?? '');
  while (reader.room(room).view().hasOlder) {
    await reader.room(room).loadOlder();
  }
  expect(messagesOf(reader, room)).toEqual(texts);
  expect(reader.messages(room).every((item) => item.type === 'message')).toBe(true);
}, 180_000);

test('when the owner goes, the heir can invite, and the room goes on', async () => {
  const room = (await owner.client.createRoom('Heritage')).id;
  const [heir, late] = [reader, third];
  await heir.client.joinByLink(await owner.client.createInvite(room, { expiresIn: 3600, maxUses: 1 }));
  await heir.inside(room);
  await owner.client.leave(room);
  await until(() => heir.room(room).view().room.role === 'owner');
  await late.client.joinByLink(await heir.client.createInvite(room, { expiresIn: 3600, maxUses: 1 }));
  await late.inside(room);
  await late.room(room).send('thanks');
  await heir.reads(room, 'thanks');
  expect(heir.room(room).view().members.map(({ trust }) => trust)).toEqual(['verified', 'verified']);
});

test('a room that an application made without encryption can be used', async () => {
  await stack.postgres('psql', [
    '-v',
    'ON_ERROR_STOP=1',
    '-c',
    `BEGIN; SELECT porcupine.act_as(${owner.id}); SELECT porcupine.create_room('Plain', false); COMMIT`,
  ]);
  const plain = await until(() => owner.client.snapshot().rooms?.find(({ name }) => name === 'Plain'));
  expect(plain.encrypted).toBe(false);
  await reader.client.joinByCode(plain.code ?? '');
  await Promise.all([owner.inside(plain.id), reader.inside(plain.id)]);
  await owner.room(plain.id).send('for everybody to see');
  await reader.reads(plain.id, 'for everybody to see');
});

test('nothing went wrong in the background', () => {
  expect(people.flatMap(({ errors }) => errors)).toEqual([]);
});
