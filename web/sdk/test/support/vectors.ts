/**
 * Wycheproof's test vectors, read from where they lie beside the project. They are not part of it: without them the
 * tests say that they were skipped, and why.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../../../../shared/vectors/', import.meta.url));

/** The parsed file; null when it is not there. */
export function readVectors(name: string): unknown {
  const path = `${folder}${name}`;
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null;
}

export function skipped(name: string): string {
  return `${name}: skipped, because ../shared/vectors/ does not have it`;
}
