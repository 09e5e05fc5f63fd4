/**
 * The server of the contract test and the calls to it: each answer is held to what openapi.yaml says, and what came is kept, for in the end nothing that
 * is described may be without a case.
 */
import { createPrivateKey, sign } from 'node:crypto';
import { request } from 'node:http';
import { expect } from 'vitest';
import { Authority, OpenIdProvider, type Claims } from '../../e2e/support/provider.ts';
import { freePort, Stack } from '../../e2e/support/stack.ts';
import { operation, pointer, resolve, statuses, validator, type Call, type Json, type Operation } from './description.ts';

/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-argument
   -- a description is read as it comes */

export interface Account {
  username: string;
  id: string;
  device: string;
  access: string;
  refresh: string;
  lifetime: number;
}

/** Everybody who can sign in there, each for one test. */
export const logins: Record<string, Claims> = Object.fromEntries(
  Array.from({ length: 200 }, (_, n) => [`login-${String(n)}`, { email: `login-${String(n)}@example.org`, email_verified: true }]),
);
const strangers = Object.keys(logins);
export const stranger = (): string => strangers.pop() ?? '';

export const password = 'correct horse battery staple';

// what all calls of this file share is far away, and one limit is near
export const limits =
  'register=off,login=off,login_account=off,login_known=off,refresh=off,join_address=off,join=5000/1m,password=5000/1m,profile=5000/1m,reads=50000/1m,writes=50000/1m,preview=40/10m';

export let stack: Stack;
export let metrics: string;
export let env: Record<string, string>;
export let authority: Authority;
export let provider: OpenIdProvider;
export let fromPage: Record<string, string>;
export let ada: Account;
export let ben: Account;
export let cleo: Account;

/** A server with a provider, and everybody who calls it. */
export async function setUp(): Promise<void> {
  metrics = `127.0.0.1:${String(await freePort())}`;
  const port = await freePort();
  const origin = `http://localhost:${String(port)}`;
  authority = await Authority.make();
  provider = await OpenIdProvider.start(authority, { name: 'corp', label: 'Corp & Sons', algorithm: 'ES256', people: logins, origin });
  env = {
    PORCUPINE_LIMITS: `${limits},requests=off`,
    PORCUPINE_METRICS: metrics,
    PORCUPINE_OIDC_PROVIDERS: 'corp,away',
    PORCUPINE_OIDC_CA_FILE: authority.certificate,
    ...provider.settings,
    PORCUPINE_OIDC_AWAY_ISSUER: `https://127.0.0.1:${String(await freePort())}`,
    PORCUPINE_OIDC_AWAY_CLIENT_ID: 'porcupine',
    PORCUPINE_OIDC_AWAY_CLIENT_SECRET: OpenIdProvider.secret,
  };
  stack = await Stack.up('sdk-contract', { port, env });
  fromPage = { 'x-porcupine': '1', origin };
  // theirs are used to the end, however slow the machine is
  await sql('ALTER SYSTEM SET porcupine.access_lifetime = 3600');
  await sql('SELECT pg_reload_conf()');
  for (let tries = 0; (await account('eve')).lifetime !== 3600; tries++) expect(tries).toBeLessThan(100);
  [ada, ben, cleo] = await Promise.all([account('ada'), account('ben'), account('cleo')]);
}

export async function tearDown(): Promise<void> {
  await stack.remove();
  await provider.stop();
  await authority.remove();
}

// --- calls ----------------------------------------------------------------------------------------------

interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

export async function send(method: string, url: string, call: Call): Promise<Answer> {
  const headers: Record<string, string> = { ...call.headers };
  const body = call.bytes ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
  if (body !== undefined) headers['content-type'] = call.type ?? 'application/json';
  if (call.token) headers.authorization = `Bearer ${call.token}`;
  if (call.announced !== undefined) {
    const typed = { ...headers, 'content-type': 'application/json' };
    // nobody announces the body of a GET
    if (method === 'GET') return sendPlainly(method, url, typed, 'x'.repeat(call.announced));
    return sendPlainly(method, url, { ...typed, 'content-length': String(call.announced), expect: '100-continue' });
  }
  if (call.lengthless === true || (method === 'GET' && body !== undefined)) return sendPlainly(method, url, headers, body);
  const answer = await fetch(`${stack.origin}${url}`, { method, headers, redirect: 'manual', ...(body === undefined ? {} : { body }) });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** What fetch() does not: a GET with a body, a POST without a length, a body that is announced. */
async function sendPlainly(method: string, url: string, headers: Record<string, string>, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const asked = request(`${stack.origin}${url}`, { method, headers: { ...headers, ...length } }, (answer) => {
      const given = new Headers();
      let text = '';
      for (let i = 0; i + 1 < answer.rawHeaders.length; i += 2) given.append(answer.rawHeaders[i] ?? '', answer.rawHeaders[i + 1] ?? '');
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.on('end', () => {
        resolve({ status: answer.statusCode ?? 0, headers: given, text });
        asked.destroy();
      });
    });
    asked.useChunkedEncodingByDefault = false;
    asked.on('error', reject).on('continue', () => reject(new Error('a body was asked for')));
    if (headers.expect === undefined) asked.end(body);
    else asked.flushHeaders();
  });
}

/** What came, and what was sent in vain or with success, by operation: in the end, all that is described. */
export const came = new Set<string>();
export const refusedFor = new Set<string>();
export const takenWith = new Set<string>();

export function sendAt(operation: Operation, call: Call): Promise<Answer> {
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(call.path?.[name])));
  return send(operation.method, path + (call.query ?? ''), { token: ada.access, ...call });
}

/** Makes the call, holds its answer to the description, and returns it. */
export async function ask(operation: Operation, call: Call): Promise<{ status: number; json: Json; headers: Headers }> {
  const answer = await sendAt(operation, call);
  const status = String(answer.status);
  const where = `${operation.id} ${JSON.stringify(call).slice(0, 300)} → ${status} ${answer.text.slice(0, 300)}`;
  const problem = answer.status >= 400;
  expect(Object.keys(operation.responses), where).toContain(status);
  came.add(`${operation.id} ${status}`);
  if (!problem) {
    for (const name of Object.keys((call.body as object | undefined) ?? {})) takenWith.add(`${operation.id} ${name}`);
    for (const name of new URLSearchParams(call.query).keys()) takenWith.add(`${operation.id} ${name}`);
    for (const name of Object.keys(call.headers ?? {})) takenWith.add(`${operation.id} ${name}`);
  }
  if (answer.status === 401) expect(answer.headers.get('www-authenticate'), where).toBeTruthy();
  // a body that is too long, and a stranger's page, are refused before anybody looks at what it is for
  const atTheDoor = answer.status === 413 || (call.headers?.origin ?? stack.origin) !== stack.origin;
  if (!kept.has(operation.id) && !atTheDoor) expect(answer.headers.get('cache-control'), where).toBe('no-store');
  checkHeaders(resolve(operation.responses[status]).headers ?? {}, answer.headers, where);
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

/** Where a browser is sent and what it is to keep, each as described, and nothing that is not. */
function checkHeaders(described: Json, headers: Headers, where: string): void {
  const at = new Map(Object.entries<Json>(described).map(([name, header]) => [name.toLowerCase(), resolve(header)]));
  for (const name of ['location', 'set-cookie', 'etag', 'retry-after']) {
    const values = name === 'set-cookie' ? headers.getSetCookie() : [headers.get(name) ?? []].flat();
    expect(values.length > 0 ? at.has(name) : at.get(name)?.required !== true, `${where}\n${name}: ${values.join(', ')}`).toBe(true);
    for (const value of values) {
      const given = at.get(name).schema.type === 'integer' ? Number(value) : value;
      expect(validator.validate(at.get(name).schema, given), `${where}\n${name}: ${value}`).toBe(true);
    }
  }
}

export function checkProblem(answer: { status: number; headers: Headers }, json: Json, where: string): void {
  expect(json.status, where).toBe(answer.status);
  expect(json.type, where).toBe(`urn:porcupine:error:${json.code as string}`);
  expect(json.title, where).not.toBe('');
  if (json.code === 'invalid') expect([400, 403, 411, 415], where).toContain(answer.status);
  else expect(answer.status, where).toBe(statuses.get(json.code as string));
  expect(answer.headers.get('retry-after'), where).toBe(json.retry_after === undefined ? null : String(json.retry_after));
}

export async function does(id: string, call: Call): Promise<Json> {
  const { status, json } = await ask(operation(id), call);
  expect(status, id).toBeLessThan(300);
  return json;
}

export async function account(name: string, email?: string): Promise<Account> {
  const username = `${name}-${crypto.randomUUID().slice(0, 8)}`;
  const answer = await send('POST', '/api/auth/register/', { body: { username, password, email } });
  const grant: Json = JSON.parse(answer.text);
  return { username, id: grant.user.id, device: grant.device, access: grant.access, refresh: grant.refresh, lifetime: grant.expires_in };
}

/** A token of the server's own making, but for when it expires. */
export async function forged(who: Account, seconds: number): Promise<string> {
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
export const sql = async (text: string): Promise<string> => (await stack.postgres('psql', ['-XAtqc', text])).trim();

/** What is good for longer than the moment. */
const kept = new Set(['jwks', 'openapi']);
