/**
 * The encryption in Chromium's own Web Crypto and IndexedDB rather than Node's: the same vectors,
 * the same golden room, and keys that were stored and read back.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { build, type Rolldown } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { People } from './support/browser';
import { freePort } from './support/stack';

const root = join(import.meta.dirname, '../..');
const tests = join(import.meta.dirname, '../sdk/test');
const VECTORS = [
  'aes_gcm_test.json',
  'ecdsa_secp256r1_sha256_p1363_test.json',
  'hkdf_sha256_test.json',
  'ecdh_secp256r1_webcrypto_test.json',
];

let server: Server;
let people: People;
let report: string[];

beforeAll(async () => {
  // An empty page on localhost: a secure context, which Web Crypto needs, with an origin, which IndexedDB needs.
  const port = await freePort();
  server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>checks</title>');
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  people = await People.start(`http://localhost:${port}`);
  const { page } = await people.add('checks');
  await page.goto(people.origin);
  await page.evaluate(await bundle());
  report = await page.evaluate(
    ([vectors, golden]) =>
      (globalThis as unknown as { checks: { runChecks: (vectors: unknown, golden: unknown) => Promise<string[]> } }).checks.runChecks(vectors, golden),
    [readVectors(), readJson(join(tests, 'golden/room-v1.json'))],
  );
});

afterAll(async () => {
  await people.close();
  server.close();
});

describe('in Chromium', () => {
  for (const name of VECTORS) {
    const present = existsSync(vectorPath(name));
    it.skipIf(!present)(present ? name : `${name}: skipped, because ../shared/vectors/ does not have it`, () => {
      expect(report).toContain(`ok ${name}`);
    });
  }

  it('the golden room is read, and keys survive storage', () => {
    expect(report.filter((line) => !line.startsWith('ok '))).toEqual([]);
    expect(report).toContain('ok golden room');
    expect(report).toContain('ok keys from IndexedDB');
  });
});

async function bundle(): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      minify: false,
      lib: { entry: join(tests, 'browser/checks.ts'), name: 'checks', formats: ['iife'] },
    },
  });
  const output = (Array.isArray(result) ? result : [result]) as Rolldown.RolldownOutput[];
  const code = output.flatMap((part) => part.output).find((chunk) => chunk.type === 'chunk')?.code;
  if (code === undefined) throw new Error('the checks were not built');
  // A top-level name of a script is visible to the next one; of an evaluated text it is not.
  return `globalThis.checks = (() => { ${code}; return checks; })();`;
}

function readVectors(): Record<string, unknown> {
  const present = VECTORS.filter((name) => existsSync(vectorPath(name)));
  return Object.fromEntries(present.map((name) => [name, readJson(vectorPath(name))]));
}

function vectorPath(name: string): string {
  return join(root, '../shared/vectors', name);
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}
