/**
 * Wycheproof's test vectors, read from where they lie beside the project. They are not part of it: without them the
 * tests say that they were skipped, and why.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fromHex } from '../../src/crypto/index.ts';
import type { Bytes } from '../../src/crypto/index.ts';
import { must } from './world.ts';

const folder = fileURLToPath(new URL('../../../../../shared/vectors/', import.meta.url));

export interface VectorFile<Group> {
  testGroups: Group[];
}

/** null when the file is not there. */
export function readVectors<Group>(name: string): VectorFile<Group> | null {
  const path = `${folder}${name}`;
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as VectorFile<Group>) : null;
}

export function skipped(name: string): string {
  return `skipped, because ../shared/vectors/${name} is not there`;
}

export function hex(text: string): Bytes {
  return must(fromHex(text));
}
