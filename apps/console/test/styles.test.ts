import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const src = join(import.meta.dirname, '../src');
const sheets = globSync('**/*.css', { cwd: src });

/** Properties that say left or right, or how wide and high, whichever way the language runs. */
const physicalProperty =
  /^((scroll-)?(margin|padding)|border|inset)-(left|right|top|bottom)\b|^(left|right|top|bottom)$|^border-(top|bottom)-(left|right)-radius$|^((min|max)-)?(width|height)$/;
/** Shorthands that go around the box, by the physical sides. */
const shorthand = /^((scroll-)?(margin|padding)|inset|border-(width|style|color|radius))$/;
/** Keywords that name a side. */
const sided = /^(text-align|float|clear|justify-(content|items|self))$/;

/** What is physical in a stylesheet: each such declaration as it stands there. */
function physicalDeclarations(css: string): string[] {
  const declarations = css.replaceAll(/\/\*[\s\S]*?\*\//g, '').matchAll(/([\w-]+)\s*:\s+([^;{}]+);/g);
  return [...declarations].flatMap(([text, property = '', value = '']) => {
    const physical =
      physicalProperty.test(property) ||
      (shorthand.test(property) && unequalSides(value)) ||
      (sided.test(property) && /\b(left|right)\b/.test(value));
    return physical ? [text] : [];
  });
}

/** Four values of a shorthand are top, right, bottom, left; only where right and left are the same is it the same in both directions. */
function unequalSides(value: string): boolean {
  // What stands in parentheses is one value.
  let flat = value.trim();
  for (let before = ''; before !== flat;) [before, flat] = [flat, flat.replaceAll(/\([^()]*\)/g, '')];
  const values = flat.split(/\s+/);
  return values.length === 4 && values[1] !== values[3];
}

describe('stylesheets say start and end, and not left and right', () => {
  it.each(sheets)('%s', (sheet) => {
    expect(physicalDeclarations(readFileSync(join(src, sheet), 'utf8'))).toEqual([]);
  });

  it.each([
    ['padding: 4px 4px 4px 12px;', true],
    ['padding: 4px 12px calc(6px + var(--a, 2px));', false],
    ['margin: 1px calc(2px) 3px calc(2px);', false],
    ['margin-left: 1px;', true],
    ['margin-inline-start: 1px;', false],
    ['left: 0;', true],
    ['inset: 0 0 0 4px;', true],
    ['border-top-left-radius: 4px;', true],
    ['border-right: 0;', true],
    ['max-width: 4px;', true],
    ['text-align: right;', true],
    ['text-align: start;', false],
    ['/* left: 0; */', false],
  ])('%s: %s', (css, physical) => {
    expect(physicalDeclarations(`.a { ${css} }`).length).toBe(physical ? 1 : 0);
  });
});
