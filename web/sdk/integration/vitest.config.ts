// The SDK against a whole stack of this checkout: several clients in one Node process, no browser.
// One file at a time, since each breaks its own servers. Node 20 has WebSocket behind a switch.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['*.test.ts'],
    setupFiles: ['fake-indexeddb/auto'],
    fileParallelism: false,
    execArgv: ['--experimental-websocket', '--no-warnings'],
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
});
