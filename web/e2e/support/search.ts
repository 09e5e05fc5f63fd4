/** Looks for words in bytes: as they are, in hexadecimal, and in base64 however they are aligned in it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Hay {
  name: string;
  bytes: Buffer;
}

/** "where: word (how it was written)" for each find. */
export function findWords(words: string[], hay: Hay[]): string[] {
  const finds: string[] = [];
  for (const word of words) {
    for (const [writing, needle] of needlesFor(Buffer.from(word))) {
      for (const { name, bytes } of hay) {
        if (bytes.includes(needle)) finds.push(`${name}: ${word} (${writing})`);
      }
    }
  }
  return finds;
}

/** Every file below a folder, whole, but for those that a server takes away meanwhile. */
export function readFolder(folder: string): Hay[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .flatMap((name) => {
      try {
        return [{ name, bytes: readFileSync(name) }];
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        return [];
      }
    });
}

export function needlesFor(word: Buffer): [string, Buffer][] {
  const writings = new Map<string, string>([
    ['hex', word.toString('hex')],
    ['HEX', word.toString('hex').toUpperCase()],
  ]);
  for (const alignment of [0, 1, 2]) {
    const aligned = alignedBase64(word, alignment);
    writings.set(`base64 at ${alignment}`, aligned);
    writings.set(`base64url at ${alignment}`, aligned.replaceAll('+', '-').replaceAll('/', '_'));
  }
  return [['raw', word], ...Array.from(writings, ([name, text]): [string, Buffer] => [name, Buffer.from(text)])];
}

/** The characters of base64 that depend on the word alone when it starts `alignment` bytes into a group of three. */
function alignedBase64(word: Buffer, alignment: number): string {
  const text = Buffer.concat([Buffer.alloc(alignment), word]).toString('base64').replace(/=+$/, '');
  const first = Math.ceil((alignment * 8) / 6);
  const last = Math.floor(((alignment + word.length) * 8) / 6);
  return text.slice(first, last);
}
