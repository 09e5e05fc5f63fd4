/**
 * How the page is built. The bridge serves `dist/` under a Content-Security-Policy that allows
 * only files of its own origin, so nothing may be inlined: no data: modules, no inline scripts.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { parse } from 'yaml';

const bridge = process.env.PORCUPINE_BRIDGE ?? 'http://localhost:8080';

/** The description of the REST calls goes along, as the JSON that the bridge answers with. */
function description(): Plugin {
  const yaml = join(import.meta.dirname, '../openapi.yaml');
  return {
    name: 'openapi',
    apply: 'build',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'api/openapi.json', source: JSON.stringify(parse(readFileSync(yaml, 'utf8'))) });
    },
  };
}

export default defineConfig({
  plugins: [react(), description()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: true,
  },
  worker: { format: 'es' },
  server: {
    proxy: {
      '/api': bridge,
      '/.well-known': bridge,
      '/ws': { target: bridge, ws: true },
    },
  },
});
