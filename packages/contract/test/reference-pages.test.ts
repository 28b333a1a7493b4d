import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DOCS, PAGES } from '../scripts/reference-pages.ts';
import { ERRORS } from '../src/errors.ts';
import { namespaces, routes } from '../src/surfaces.ts';

const page = (name: string) => readFileSync(new URL(name, DOCS), 'utf8');
const headings = (text: string, level: number) => [...text.matchAll(new RegExp(`^#{${level}} (.+)$`, 'gm'))].map(([, heading]) => heading!);

describe('the reference pages', () => {
  it.each(Object.entries(PAGES))('docs/%s says what the code says (else: npm run docs -w @majlis/contract)', (name, generate) => {
    expect(page(name)).toBe(generate());
  });

  it('docs/errors.md has every error code, and no other', () => {
    expect(headings(page('errors.md'), 2)).toEqual(Object.keys(ERRORS));
  });

  it('docs/protocol.md has every event and every route, and no other', () => {
    const events = namespaces.flatMap(({ receives, sends }) =>
      [...Object.values(receives), ...Object.values(sends)].map(({ name }) => name),
    );
    const expected = [...events, ...routes.map(({ method, path }) => `${method} ${path}`)].map((name) => `\`${name}\``);
    expect(headings(page('protocol.md'), 4).toSorted()).toEqual(expected.toSorted());
  });

  it('docs/protocol.md refers to no object that it does not have', () => {
    const text = page('protocol.md');
    const known = new Set(headings(text, 3).map((heading) => heading.toLowerCase()));
    for (const [, target] of text.matchAll(/\]\(#([^)]+)\)/g)) expect(known).toContain(target);
  });
});
