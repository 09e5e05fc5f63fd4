// The encryption in Chromium: Wycheproof's vectors, the golden room, and keys that went through IndexedDB. The same
// checks run in Node (sdk/test); this shows that the browser's Web Crypto agrees. It needs no server of ours.
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { build } from 'vite';
import type { runChecks } from '../sdk/test/browser/checks.ts';
import type { GoldenRoom } from '../sdk/test/golden/make.ts';
import { readVectors, skipped } from '../sdk/test/support/vectors.ts';
import { suites } from '../sdk/test/support/wycheproof.ts';

interface Checks {
  runChecks: typeof runChecks;
}

const sdkTest = join(import.meta.dirname, '../sdk/test');
/** Hands the checks to page.evaluate, whose functions cannot import. */
const PAGE = `<!doctype html><title>checks</title>
<script type="module">import { runChecks } from '/checks.js'; globalThis.runChecks = runChecks;</script>`;
let server: Server;
let origin: string;

beforeAll(async () => {
  const scripts = await bundle(join(sdkTest, 'browser/checks.ts'));
  server = createServer((request, response) => {
    const script = scripts.get(request.url ?? '');
    response.setHeader('content-type', script === undefined ? 'text/html' : 'text/javascript');
    response.end(script ?? PAGE);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://localhost:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
});

test('Chromium’s Web Crypto gives what Node’s does', async (context) => {
  const golden = JSON.parse(readFileSync(join(sdkTest, 'golden/room-v1.json'), 'utf8')) as GoldenRoom;
  const files = Object.keys(suites).map((name): [string, unknown] => [name, readVectors(name)]);
  const vectors = Object.fromEntries(files.filter(([, file]) => file !== null));
  const complaints: string[] = [];
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  try {
    const page = await browser.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(origin);
    await page.waitForFunction(() => 'runChecks' in globalThis, undefined, { timeout: 10_000 }).catch(() => {
      throw new Error(`the checks did not load: ${complaints.join('; ')}`);
    });
    const report = await page.evaluate(
      (input) => (globalThis as unknown as Checks).runChecks(input.vectors, input.golden),
      { vectors, golden },
    );
    expect(report).toEqual([...Object.keys(vectors), 'golden room', 'keys from IndexedDB'].map((name) => `ok ${name}`));
  } finally {
    await browser.close();
  }
  const absent = files.filter(([, file]) => file === null).map(([name]) => skipped(name));
  if (absent.length > 0) await context.annotate(absent.join('\n'));
});

/** The built scripts by path; the one that exports is /checks.js. */
async function bundle(entry: string): Promise<Map<string, string>> {
  const result = await build({
    configFile: false,
    logLevel: 'error',
    build: { write: false, minify: false, lib: { entry, formats: ['es'], fileName: () => 'checks.js' } },
  });
  const [first] = [result].flat();
  if (first === undefined || !('output' in first)) throw new Error('nothing was built');
  return new Map(first.output.flatMap((file) => (file.type === 'chunk' ? [[`/${file.fileName}`, file.code]] : [])));
}
