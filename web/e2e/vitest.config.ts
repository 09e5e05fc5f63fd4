// Browser tests: Debian's Chromium against a whole stack of this checkout, started by each file
// for itself. One file at a time: each of them breaks its own servers, and machines are small.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['*.e2e.ts'],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 30_000, interval: 100 } },
  },
});
