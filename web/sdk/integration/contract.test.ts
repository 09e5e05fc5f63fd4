/**
 * openapi.yaml against a server, both ways: every route is described and every description is a route; what a description allows is done,
 * and what it forbids is refused; and whatever is answered is what it says, down to the last member. Nothing is answered with 500.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { freePort, Stack } from '../../e2e/support/stack.ts';

/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-member-access,
   @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-call, @typescript-eslint/restrict-plus-operands
   -- a description is read as it comes */
type Json = any;

interface Operation {
  id: string;
  method: string;
  path: string;
  params: { name: string; in: string; schema: Json }[];
  body: { schema: Json; example: Json; required: boolean } | undefined;
  responses: Record<string, Json>;
  open: boolean;
}

interface Call {
  token?: string | null;
  path?: Record<string, string | number>;
  query?: string;
  body?: unknown;
  /** In place of the body's JSON. */
  bytes?: string;
  type?: string;
}

interface Account {
  username: string;
  id: string;
  device: string;
  access: string;
  refresh: string;
}

interface Scene {
  room: string;
  code: string;
  seq: number;
  joined: number;
}

const password = 'correct horse battery staple';
const root = join(import.meta.dirname, '../../..');
const document: Json = parse(readFileSync(join(root, 'openapi.yaml'), 'utf8'));
const operations = readOperations();
const validator = makeValidator();

let stack: Stack;
let metrics: string;
let ada: Account;
let ben: Account;
let cleo: Account;

beforeAll(async () => {
  metrics = `127.0.0.1:${String(await freePort())}`;
  Object.assign(process.env, { PORCUPINE_LIMITS: 'off', PORCUPINE_METRICS: metrics });
  stack = await Stack.up('sdk-contract');
  [ada, ben, cleo] = await Promise.all([account('ada'), account('ben'), account('cleo')]);
});

afterAll(async () => {
  await stack.remove();
});

// --- the description ---------------------------------------------------------------------------------

function resolve(value: Json): Json {
  if (value?.$ref === undefined) return value;
  return resolve((value.$ref as string).slice(2).split('/').reduce((at: Json, key) => at[key], document));
}

function readOperations(): Operation[] {
  return Object.entries<Json>(document.paths).flatMap(([path, item]) =>
    Object.entries<Json>(item)
      .filter(([method]) => method !== 'parameters')
      .map(([method, operation]) => ({
        id: operation.operationId as string,
        method: method.toUpperCase(),
        path,
        params: [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(resolve),
        body: operation.requestBody && { ...operation.requestBody.content['application/json'], required: operation.requestBody.required as boolean },
        responses: operation.responses as Record<string, Json>,
        open: operation.security !== undefined,
      })),
  );
}

/** Answers hold what is described and nothing else, so that nothing is left undescribed. */
function makeValidator(): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  const whole = structuredClone(document);
  const close = (value: Json): void => {
    if (value === null || typeof value !== 'object') return;
    if (value.type === 'object' && value.properties && value.additionalProperties === undefined) value.additionalProperties = false;
    Object.values(value).forEach(close);
  };
  addFormats.default(ajv);
  close(whole);
  ajv.addSchema(whole, 'whole');
  return ajv;
}

function pointer(...keys: string[]): string {
  return `whole#/${keys.map((key) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;
}

// --- calls ----------------------------------------------------------------------------------------------

async function send(method: string, url: string, call: Call): Promise<{ status: number; headers: Headers; text: string }> {
  const headers: Record<string, string> = {};
  const body = call.bytes ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
  if (body !== undefined) headers['content-type'] = call.type ?? 'application/json';
  if (call.token) headers.authorization = `Bearer ${call.token}`;
  const answer = await fetch(`${stack.origin}${url}`, { method, headers, ...(body === undefined ? {} : { body }) });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** Makes the call, holds its answer to the description, and returns it. */
async function ask(operation: Operation, call: Call): Promise<{ status: number; json: Json }> {
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(call.path?.[name])));
  const answer = await send(operation.method, path + (call.query ?? ''), { token: ada.access, ...call });
  const status = String(answer.status);
  const where = `${operation.id} ${JSON.stringify(call).slice(0, 300)} → ${status} ${answer.text.slice(0, 300)}`;
  const problem = answer.status >= 400;
  expect(answer.status, where).toBeLessThan(500);
  expect(Object.keys(operation.responses), where).toContain(status);
  if (answer.status === 401) expect(answer.headers.get('www-authenticate'), where).toBeTruthy();
  // a body that is too long is refused before anybody looks at what it is for
  if (!operation.open && answer.status !== 413) expect(answer.headers.get('cache-control'), where).toBe('no-store');
  const content = resolve(operation.responses[status]).content;
  if (content === undefined) {
    expect(answer.text, where).toBe('');
    return { status: answer.status, json: undefined };
  }
  expect(answer.headers.get('content-type'), where).toBe(problem ? 'application/problem+json' : 'application/json');
  const json: Json = JSON.parse(answer.text);
  const schema = problem
    ? pointer('components', 'schemas', 'Problem')
    : pointer('paths', operation.path, operation.method.toLowerCase(), 'responses', status, 'content', 'application/json', 'schema');
  const valid = validator.validate(schema, json);
  expect(valid, `${where}\n${validator.errorsText()}`).toBe(true);
  if (problem) expect(json.status, where).toBe(answer.status);
  return { status: answer.status, json };
}

function operation(id: string): Operation {
  const found = operations.find((one) => one.id === id);
  if (!found) throw new Error(`no operation ${id}`);
  return found;
}

async function does(id: string, call: Call): Promise<Json> {
  const { status, json } = await ask(operation(id), call);
  expect(status, id).toBeLessThan(300);
  return json;
}

async function account(name: string): Promise<Account> {
  const username = `${name}-${crypto.randomUUID().slice(0, 8)}`;
  const answer = await send('POST', '/api/auth/register/', { body: { username, password } });
  const grant: Json = JSON.parse(answer.text);
  return { username, id: grant.user.id, device: grant.device, access: grant.access, refresh: grant.refresh };
}

// --- what each operation is allowed to be asked ----------------------------------------------------------

/** A room of Ada's with Ben in it and a message by her, which Cleo can find in the list. */
async function scene(): Promise<Scene> {
  const room: Json = await does('createRoom', { body: { name: 'Board', encrypted: false } });
  await does('joinRoom', { token: ben.access, body: { code: room.code } });
  await does('changeRoom', { path: { room: room.id }, body: { listed: true } });
  const sent: Json = await does('sendMessage', { path: { room: room.id }, body: { client_id: crypto.randomUUID(), body: 'bWVzc2FnZQ==' } });
  return { room: room.id, code: room.code, seq: sent.seq, joined: room.joined_seq };
}

async function waiting(at: Scene): Promise<void> {
  await does('changeRoom', { path: { room: at.room }, body: { approval: true } });
  await does('requestByCode', { token: cleo.access, body: { code: at.code } });
}

const sealed = async (): Promise<string> => (await does('createRoom', { body: { name: 'Sealed' } })).id as string;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const invite = (at: Scene): Promise<Json> => does('createInvite', { path: { room: at.room }, body: { max_uses: 2 } });

/** What differs from Ada's call on the scene's room, Ben and her message with the example as its body. */
const allowed: Record<string, (at: Scene) => Call | Promise<Call>> = {
  register: () => ({ token: null, body: { username: `dora-${crypto.randomUUID().slice(0, 8)}`, password } }),
  login: () => ({ token: null, body: { username: ada.username, password } }),
  refresh: async () => ({ token: null, body: { refresh: (await account('eve')).refresh } }),
  eraseMe: async () => ({ token: (await account('eve')).access, body: { password } }),
  changePassword: async () => ({ token: (await account('eve')).access, body: { old_password: password, new_password: `${password}!` } }),
  logout: async () => ({ token: (await account('eve')).access }),
  endSession: async () => ({ path: { session: (await does('login', { token: null, body: { username: ada.username, password } })).session } }),
  joinRoom: (at) => ({ token: cleo.access, body: { code: at.code } }),
  directRoom: () => ({ body: { user: ben.id, encrypted: false } }),
  requestByCode: async (at) => {
    await does('changeRoom', { path: { room: at.room }, body: { approval: true } });
    return { token: cleo.access, body: { code: at.code, message: 'It is me' } };
  },
  requestListed: async (at) => {
    await does('changeRoom', { path: { room: at.room }, body: { approval: true } });
    return { token: cleo.access };
  },
  withdrawRequest: async (at) => (await waiting(at), { token: cleo.access }),
  approveRequest: async (at) => (await waiting(at), { path: { user: cleo.id } }),
  declineRequest: async (at) => (await waiting(at), { path: { user: cleo.id } }),
  joinListed: () => ({ token: cleo.access }),
  transferRoom: () => ({ body: { user: ben.id } }),
  leaveRoom: () => ({ token: ben.access }),
  banUser: () => ({ body: { user: ben.id, reason: 'advertising', until: '2030-01-02T03:04:05Z' } }),
  unbanUser: async (at) => (await does('banUser', { path: { room: at.room }, body: { user: ben.id } }), {}),
  unmuteMember: async (at) => (
    await does('muteMember', { path: { room: at.room, user: ben.id }, body: { until: '2030-01-02T03:04:05Z' } }), {}
  ),
  readInvite: async (at) => ({ token: cleo.access, path: { hash: sha256((await invite(at)).code) } }),
  readInviteAsMember: async (at) => ({ path: { invite: sha256((await invite(at)).code) } }),
  revokeInvite: async (at) => ({ path: { invite: (await invite(at)).id } }),
  sendMessage: () => ({ body: { client_id: crypto.randomUUID(), epoch: 0, body: 'bWVzc2FnZQ==' } }),
  report: () => ({ token: ben.access }),
  pin: (at) => ({ body: { seq: at.seq } }),
  publishDevice: async () => ({ token: (await account('eve')).access }),
  listDevices: () => ({ path: { user: ada.id } }),
  appendEntry: async () => ({ path: { room: await sealed() } }),
  commitEpoch: async () => ({
    path: { room: await sealed() },
    body: { epoch: 1, index: 0, entries: ['ZW50cnk='], bundles: [{ device: ada.device, bundle: 'YnVuZGxl' }] },
  }),
};

async function allowedCall(one: Operation): Promise<Call> {
  const at = await scene();
  const own = (await allowed[one.id]?.(at)) ?? {};
  const path = { room: at.room, user: ben.id, seq: at.seq, hint: '3031323334353637', hash: sha256(''), ...own.path };
  return { token: one.open ? null : ada.access, ...(one.body ? { body: one.body.example as unknown } : {}), ...own, path };
}

// --- what a schema forbids ------------------------------------------------------------------------------------

function forbiddenValues(given: Json): unknown[] {
  const schema = resolve(given);
  const most: number = schema.maxLength ?? 0;
  switch (schema.type) {
    case 'string':
      return [
        7,
        true,
        {},
        [],
        ...(schema.minLength > 0 ? [''] : []),
        ...(most > 0 && most < 90_000 ? ['QUFB'.repeat(Math.ceil((most + 4) / 4))] : []),
        ...(schema.enum ? ['emperor'] : []),
        ...(schema.pattern ? ['no/such thing'] : []),
        ...(schema.format ? ['###'] : []),
      ];
    case 'integer':
      return ['x', '1', 1.5, true, {}, [], schema.minimum - 1, ...(schema.maximum < 9007199254740991 ? [schema.maximum + 1] : []), 9007199254740992, 1e300];
    case 'boolean':
      return ['true', 1, {}, []];
    case 'array':
      return ['x', 7, {}, ...forbiddenValues(schema.items).filter((value) => !Array.isArray(value)).map((value) => [value])];
    case 'object':
      return ['x', 7, {}];
    default:
      throw new Error(`what does ${JSON.stringify(schema)} forbid?`);
  }
}

function forbiddenBodies(one: Operation, good: Json): [string, Call][] {
  const schema = resolve(one.body?.schema);
  const text = JSON.stringify(good);
  const bodies: [string, Call][] = [
    ['an array', { bytes: `[${text}]` }],
    ['half of it', { bytes: text.slice(0, -1) }],
    ['something after it', { bytes: `${text} x` }],
    ['another content type', { bytes: text, type: 'text/plain' }],
    ['more than any body', { body: { ...good, more: 'x'.repeat(600_000) } }],
  ];
  for (const name of (schema.required ?? []) as string[]) {
    bodies.push([`without ${name}`, { body: { ...good, [name]: undefined } }], [`${name} null`, { body: { ...good, [name]: null } }]);
  }
  for (const [name, property] of Object.entries(schema.properties as Record<string, Json>)) {
    for (const value of forbiddenValues(property)) bodies.push([`${name} ${JSON.stringify(value).slice(0, 20)}`, { body: { ...good, [name]: value } }]);
  }
  return bodies;
}

/** These need an OpenID provider: bridge/tests/conformance/26_openid.pl has one, and calls them. */
const atProviders = new Set([
  'beginSignIn',
  'beginLink',
  'endSignIn',
  'readOffer',
  'confirmIdentity',
  'declineIdentity',
  'linkIdentity',
  'unlinkIdentity',
]);

// --- the tests ------------------------------------------------------------------------------------------------

test('every route is described, and every description is a route', async () => {
  const text = await (await fetch(`http://${metrics}/metrics`)).text();
  const routes = new Set([...text.matchAll(/route="([A-Z]+ [^"]+)"/g)].map((found) => found[1]));
  expect([...routes].sort()).toEqual(operations.map((one) => `${one.method} ${one.path}`).sort());
});

test('API.md names each of them', () => {
  const api = readFileSync(join(root, 'API.md'), 'utf8').replaceAll('`', '');
  const missing = operations.filter(({ path }) => {
    const words = path.split('/').filter((word) => word !== '' && !word.startsWith('{'));
    return !api.includes(words.at(-1) ?? '');
  });
  expect(missing).toEqual([]);
});

test('the description is served, and kept by its ETag', async () => {
  const served = await fetch(`${stack.origin}/api/openapi.json`);
  expect(await served.json()).toEqual(document);
  const tag = served.headers.get('etag') ?? '';
  expect(served.headers.get('cache-control')).toBe('no-cache');
  expect((await fetch(`${stack.origin}/api/openapi.json`, { headers: { 'if-none-match': tag } })).status).toBe(304);
});

/** A test of the operations that have what it is about; it is not declared for the others, so that none counts as skipped. */
function testWhere(concerned: boolean, name: string, run: () => Promise<void>): void {
  if (concerned) test(name, run);
}

describe.each(operations.filter((one) => !atProviders.has(one.id)).map((one) => [one.id, one] as const))('%s', (id, one) => {
  test('does what is allowed', async () => {
    if (id === 'openapi') return;
    const { status } = await ask(one, await allowedCall(one));
    expect(status).toBe(Number(Object.keys(one.responses).filter((code) => code < '300').at(-1)));
  });

  testWhere(!one.open, 'is nobody’s without a token that counts', async () => {
    const call = await allowedCall(one);
    const over = await account('eve');
    await does('logout', { token: over.access });
    for (const token of [null, 'x', `${ada.access}x`, over.access]) expect((await ask(one, { ...call, token })).status).toBe(401);
  });

  testWhere(one.params.some((param) => param.in === 'path'), 'is about nothing that is not there', async () => {
    const call = await allowedCall(one);
    for (const { name, schema } of one.params.filter((param) => param.in === 'path')) {
      const isId = resolve(schema) === document.components.schemas.Id;
      for (const wrong of isId ? ['nobody', '0', '-1', '999999999'] : ['x', '-1', 'z'.repeat(30)]) {
        const { status } = await ask(one, { ...call, path: { ...call.path, [name]: wrong } });
        expect(isId ? [400, 403, 404, 204] : [400], `${name} ${wrong}`).toContain(status);
      }
    }
  });

  testWhere(one.path.includes('{room}') && !/join|request/i.test(id), 'is for members', async () => {
    const stranger = await account('eve');
    expect([403, 404]).toContain((await ask(one, { ...(await allowedCall(one)), token: stranger.access })).status);
  });

  testWhere(one.params.some((param) => param.in === 'query'), 'takes no parameter that is none', async () => {
    const call = await allowedCall(one);
    for (const { name, schema } of one.params.filter((param) => param.in === 'query')) {
      if (resolve(schema).type !== 'integer') continue;
      for (const wrong of ['x', '-2', '1.5', '', '99999999999999999999']) {
        expect((await ask(one, { ...call, query: `?${name}=${wrong}` })).status, `${name}=${wrong}`).toBe(400);
      }
    }
  });

  testWhere(one.body !== undefined, 'takes no body that is none', async () => {
    const call = await allowedCall(one);
    for (const [what, wrong] of forbiddenBodies(one, call.body)) {
      expect([400, 411, 413, 415], what).toContain((await ask(one, { ...call, ...wrong })).status);
    }
  });
});
