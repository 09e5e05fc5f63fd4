/**
 * openapi.yaml against a server, both ways: every route is described and every description is a route; what a description allows is done,
 * and what it forbids is refused; and whatever is answered is what it says, down to the last member. Nothing is answered with 500.
 */
import { createHash, createPrivateKey, sign } from 'node:crypto';
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
  headers?: Record<string, string>;
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
  // what all calls of this file share is far away, and one limit is near
  const limits = 'requests=off,register=off,login=off,login_account=off,login_known=off,refresh=off,join_address=off,join=5000/1m,password=5000/1m,profile=5000/1m,reads=50000/1m,writes=50000/1m,preview=40/10m';
  Object.assign(process.env, { PORCUPINE_LIMITS: limits, PORCUPINE_METRICS: metrics });
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
  const headers: Record<string, string> = { ...call.headers };
  const body = call.bytes ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
  if (body !== undefined) headers['content-type'] = call.type ?? 'application/json';
  if (call.token) headers.authorization = `Bearer ${call.token}`;
  const answer = await fetch(`${stack.origin}${url}`, { method, headers, ...(body === undefined ? {} : { body }) });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** Makes the call, holds its answer to the description, and returns it. */
async function ask(operation: Operation, call: Call): Promise<{ status: number; json: Json; headers: Headers }> {
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
    return { status: answer.status, json: undefined, headers: answer.headers };
  }
  expect(answer.headers.get('content-type'), where).toBe(problem ? 'application/problem+json' : 'application/json');
  const json: Json = JSON.parse(answer.text);
  const schema = problem
    ? pointer('components', 'schemas', 'Problem')
    : pointer('paths', operation.path, operation.method.toLowerCase(), 'responses', status, 'content', 'application/json', 'schema');
  const valid = validator.validate(schema, json);
  expect(valid, `${where}\n${validator.errorsText()}`).toBe(true);
  if (problem) checkProblem(answer, json, where);
  for (const name of ['ratelimit', 'ratelimit-policy']) {
    expect(answer.headers.get(name) ?? '"none";r=0;t=0', where).toMatch(/^"[a-z_]+";[rq]=\d+;[tw]=\d+$/);
  }
  return { status: answer.status, json, headers: answer.headers };
}

/** What API.md's table of errors says of each code: its status; `invalid` has others by the way a request is malformed. */
const statuses = new Map(
  [...readFileSync(join(root, 'API.md'), 'utf8').matchAll(/^\| `([a-z_]+)` \| (?:PC\d{3})? *\| (\d{3}) \|/gm)].map((row) => [row[1], Number(row[2])]),
);

function checkProblem(answer: { status: number; headers: Headers }, json: Json, where: string): void {
  expect(json.status, where).toBe(answer.status);
  expect(json.type, where).toBe(`urn:porcupine:error:${json.code as string}`);
  expect(json.title, where).not.toBe('');
  // sends are refused row by row, with nothing but their code
  expect(json.detail !== undefined || where.startsWith('sendMessage'), where).toBe(true);
  expect(json.detail ?? json.title, where).not.toBe('');
  if (json.code === 'invalid') expect([400, 403, 411, 415], where).toContain(answer.status);
  else expect(answer.status, where).toBe(statuses.get(json.code as string));
  expect(answer.headers.get('retry-after'), where).toBe(json.retry_after === undefined ? null : String(json.retry_after));
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
  revokeDevice: async () => {
    const grant: Json = await does('login', { token: null, body: { username: ada.username, password } });
    return { path: { device: grant.device } };
  },
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

/** A token of the server's own making, but for when it expires. */
async function forged(who: Account, seconds: number): Promise<string> {
  const [head, claims] = who.access.split('.').slice(0, 2).map((part): Json => JSON.parse(Buffer.from(part, 'base64url').toString()));
  const kid = head.kid as string;
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const text = [head, { ...claims, iat: exp - 600, exp }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  keys[kid] ??= await sql(`SELECT encode(substr(secret_key, 1, 32), 'hex') FROM porcupine.signing_keys WHERE kid = '${kid}'`);
  const key = createPrivateKey({ key: Buffer.from(`302e020100300506032b657004220420${keys[kid]}`, 'hex'), format: 'der', type: 'pkcs8' });
  return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`;
}

const keys: Record<string, string> = {};
const sql = async (text: string): Promise<string> => (await stack.postgres('psql', ['-XAtqc', text])).trim();

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

/** Its ETag is tested by itself: it is the page's. */
const atPlace = new Set(['openapi']);

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
    for (const token of [null, 'x', `${ada.access}x`, over.access, await forged(ada, -1)]) expect((await ask(one, { ...call, token })).status).toBe(401);
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

  test('leaves aside what it does not know', async () => {
    if (id === 'openapi') return;
    const call = await allowedCall(one);
    const body = one.body === undefined ? {} : { body: { ...(call.body as object), unknown: ['x'] } };
    expect((await ask(one, { ...call, ...body, query: '?unknown=x' })).status).toBeLessThan(300);
  });

  testWhere(one.method === 'GET' && !atPlace.has(id), 'has an ETag where there is a 304, and only there', async () => {
    const call = await allowedCall(one);
    const tag = (await ask(one, call)).headers.get('etag');
    expect(tag !== null).toBe('304' in one.responses);
    if (tag === null) return;
    expect((await ask(one, { ...call, headers: { 'if-none-match': tag } })).status).toBe(304);
    expect((await ask(one, { ...call, headers: { 'if-none-match': `"x", W/${tag}` } })).status).toBe(304);
    expect((await ask(one, { ...call, headers: { 'if-none-match': '"x"' } })).status).toBe(200);
  });

  testWhere(one.method === 'POST', 'is done once for an Idempotency-Key where it takes one, and only there', async () => {
    const call = await allowedCall(one);
    const keyed = (key: string, further: Call = {}): Promise<{ status: number; json: Json }> =>
      ask(one, { ...call, ...further, headers: { 'idempotency-key': key } });
    if (!one.params.some((param) => param.name === 'Idempotency-Key')) {
      expect('422' in one.responses).toBe(false);
      expect((await keyed('short')).status).toBeLessThan(300);
      return;
    }
    for (const wrong of ['short', 'x'.repeat(129), 'with blanks in it, and']) expect((await keyed(wrong)).json.code).toBe('invalid');
    const key = crypto.randomUUID();
    const first = await keyed(key);
    expect(first.status).toBeLessThan(300);
    const again = await keyed(key);
    expect([again.status, again.json]).toEqual([first.status, first.json]);
    const other = await keyed(key, { body: { ...(call.body as object | undefined), unknown: 1 } });
    expect([other.status, other.json.code]).toEqual([422, 'key_reused']);
  });
});

test('whether a token has expired is all that differs', async () => {
  await does('whoami', { token: await forged(ada, 60) });
  expect((await ask(operation('whoami'), { token: await forged(ada, -1) })).json.code).toBe('unauthenticated');
});

test('what is somebody else’s, or another room’s, is not there', async () => {
  const at = await scene();
  const other = await scene();
  const elsewhere = { ...at, room: (await does('createRoom', { body: { name: 'Elsewhere', encrypted: false } })).id as string };
  const foreign: [string, Call][] = [
    ['endSession', { path: { session: (await does('login', { token: null, body: { username: ben.username, password } })).session } }],
    ['revokeDevice', { path: { device: ben.device } }],
    ['revokeInvite', { path: { room: at.room, invite: (await invite(other)).id } }],
    ['readInviteAsMember', { path: { room: at.room, invite: sha256((await invite(other)).code) } }],
    ['redact', { token: ben.access, path: { room: at.room, seq: at.seq } }],
    ['redact', { path: { room: elsewhere.room, seq: 999 } }],
  ];
  for (const [id, call] of foreign) expect([403, 404], id).toContain((await ask(operation(id), call)).status);
});

test('each condition is met, with its status and words', async () => {
  const at = await scene();
  const room = { room: at.room };
  const message = (more: object = {}): Json => ({ client_id: crypto.randomUUID(), body: 'bWVzc2FnZQ==', ...more });
  const refused = async (code: string, id: string, call: Call): Promise<void> => {
    const { json } = await ask(operation(id), call);
    expect([id, json?.code]).toEqual([id, code]);
    met.add(code);
  };
  const met = new Set<string>(['internal', 'busy', 'rate_limited']);
  const over = await account('eve');
  await does('logout', { token: over.access });
  await refused('session_ended', 'refresh', { token: null, body: { refresh: over.refresh } });
  await refused('unauthenticated', 'whoami', { token: null });
  await refused('bad_credentials', 'login', { token: null, body: { username: ada.username, password: 'guessed' } });
  await refused('invalid', 'createRoom', { body: {} });
  await refused('too_large', 'createRoom', { body: { name: 'x'.repeat(101) } });
  await refused('not_member', 'getRoom', { token: cleo.access, path: room });
  await refused('role', 'deleteRoom', { token: ben.access, path: room });
  await refused('not_found', 'joinRoom', { token: cleo.access, body: { code: 'ZZZZZZ' } });
  await refused('conflict', 'register', { token: null, body: { username: ada.username, password } });
  await refused('stale_epoch', 'sendMessage', { path: room, body: message({ epoch: 7 }) });
  const said = message();
  await does('sendMessage', { path: room, body: said });
  await refused('duplicate_mismatch', 'sendMessage', { path: room, body: { ...said, body: 'YW5vdGhlcg==' } });
  const key = { 'idempotency-key': crypto.randomUUID() };
  await ask(operation('createRoom'), { body: { name: 'x', encrypted: false }, headers: key });
  await refused('key_reused', 'createRoom', { body: { name: 'y', encrypted: false }, headers: key });
  const used: Json = await does('createInvite', { path: room, body: { max_uses: 1 } });
  const [dan, eve] = await Promise.all([account('dan'), account('eve')]);
  await does('joinRoom', { token: dan.access, body: { code: used.code } });
  await refused('gone', 'joinRoom', { token: eve.access, body: { code: used.code } });
  await does('changeRoom', { path: room, body: { max_members: 3 } });
  await refused('room_full', 'joinRoom', { token: eve.access, body: { code: at.code } });
  await does('muteMember', { path: { ...room, user: dan.id }, body: { until: '2030-01-02T03:04:05Z' } });
  await refused('muted', 'sendMessage', { token: dan.access, path: room, body: message() });
  await does('banUser', { path: room, body: { user: dan.id } });
  const { code } = await does('getRoom', { path: room });
  await refused('banned', 'joinRoom', { token: dan.access, body: { code } });
  await does('archiveRoom', { path: room });
  await refused('archived', 'sendMessage', { path: room, body: message() });
  const closed: Json = await does('createRoom', { body: { name: 'Sealed' } });
  await sql(`UPDATE porcupine.room_heads SET epoch_open = false WHERE room_id = ${closed.id as string}`);
  await refused('epoch_closed', 'sendMessage', { path: { room: closed.id }, body: message() });
  await sql('ALTER SYSTEM SET porcupine.max_rooms = 0');
  await sql('SELECT pg_reload_conf()');
  await expect.poll(async () => (await ask(operation('createRoom'), { token: ben.access, body: { name: 'x', encrypted: false } })).json.code, { timeout: 20_000 }).toBe('quota');
  met.add('quota');
  await sql('ALTER SYSTEM RESET porcupine.max_rooms');
  await sql('SELECT pg_reload_conf()');
  expect([...met].sort()).toEqual([...statuses.keys()].sort());
});

test('a limit tells what is left, and a refusal when there is more', async () => {
  const eve = await account('eve');
  const preview = (): Promise<{ status: number; json: Json; headers: Headers }> =>
    ask(operation('readInvite'), { token: eve.access, path: { hash: sha256('none') } });
  const left = (headers: Headers): number => Number(/^"preview";r=(\d+);/.exec(headers.get('ratelimit') ?? '')?.[1]);
  let answer = await preview();
  expect(answer.headers.get('ratelimit-policy')).toBe('"preview";q=40;w=600');
  for (let n = left(answer.headers); n > 0; n--) answer = await preview();
  expect([answer.status, left(answer.headers)]).toEqual([404, 0]);
  const refusal = await preview();
  expect([refusal.status, refusal.json.code, left(refusal.headers)]).toEqual([429, 'rate_limited', 0]);
  expect(refusal.json.retry_after).toBeGreaterThan(0);
});

test('API.md names what users may call in SQL and by no call, and nothing else', async () => {
  const granted = await sql(`SELECT DISTINCT proname FROM pg_proc
    WHERE pronamespace = 'porcupine'::regnamespace AND has_function_privilege('porcupine_client', oid, 'EXECUTE')`);
  const called = new Set(Object.values<Json>(document.paths).flatMap((item) => Object.values<Json>(item).flatMap((one) => one['x-function'] ?? [])));
  const table = /### What stays SQL\n([^#]*?)\n\nWhat applications/.exec(readFileSync(join(root, 'API.md'), 'utf8'))?.[1] ?? '';
  const named = [...table.matchAll(/^\| (`.*?) \|/gm)].flatMap((row) => [...(row[1] ?? '').matchAll(/`(\w+)`/g)].map((name) => name[1]));
  expect(named.sort()).toEqual(granted.split('\n').filter((name) => !called.has(name)).sort());
});

test('whoever cannot be answered for the database is told when to come back', async () => {
  await stack.killPostgres();
  try {
    const answer = await send('GET', '/api/auth/user/', { token: ada.access });
    const json: Json = JSON.parse(answer.text);
    expect([answer.status, json.code]).toEqual([503, 'busy']);
    checkProblem(answer, json, answer.text);
  } finally {
    await stack.startPostgres();
  }
});
