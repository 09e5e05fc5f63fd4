/** The page's styles speak of start and end, not of left and right: it can be read from right to left, too. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.css'));

/** What names a side, and a shorthand of four sides whose second and fourth value differ. */
function physical(css: string): string[] {
  const named = css.match(/^\s*[a-z-]*(left|right)[a-z-]*:.*$|(text-align|float|clear): (left|right)/gm) ?? [];
  const uneven = [...css.matchAll(/^\s*(?:padding|margin|inset|border-width): (.*);$/gm)].filter(([, values = '']) => {
    const sides = values.match(/(?:[^\s(]|\((?:[^()]|\([^()]*\))*\))+/g) ?? [];
    return sides.length === 4 && sides[1] !== sides[3];
  });
  return [...named, ...uneven.map(([line]) => line)].map((line) => line.trim());
}

it('knows what it looks for', () => {
  expect(files.length).toBeGreaterThan(30);
  expect(physical('.a {\n  left: 1px;\n  padding: 0 1px 0 calc(1px + (2px));\n  margin: 0 1px 2px 1px;\n}')).toEqual([
    'left: 1px;',
    'padding: 0 1px 0 calc(1px + (2px));',
  ]);
});

it.each(files)('%s', (file) => {
  expect(physical(readFileSync(join(root, file), 'utf8'))).toEqual([]);
});
