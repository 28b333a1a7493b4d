import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as contract from '../src/index.ts';
import { CONTRACT_VERSION, namespaces, operations, routes, surfaces } from '../src/surfaces.ts';

const isModule = (value: unknown) => Object.prototype.toString.call(value) === '[object Module]';

describe('the registry of surfaces', () => {
  it('has every surface that the package exports', () => {
    const exported = Object.entries(contract).flatMap(([name, value]) => (isModule(value) ? [name] : []));
    expect(surfaces.map(({ id }) => id).toSorted()).toEqual(exported.toSorted());
  });

  it('finds routes by their shape, whatever their group is called', () => {
    for (const declared of Object.values(contract.v2.chatRoutes)) expect(routes).toContain(declared);
    for (const declared of Object.values(contract.v2.authRoutes)) expect(routes).toContain(declared);
    expect(namespaces).toContain(contract.v2.namespace);
  });

  it('has no two routes of one method and path, and no two operations of one id', () => {
    const places = routes.map(({ method, path }) => `${method} ${path.replace(/:\w+/g, ':')}`);
    expect(places).toEqual([...new Set(places)]);
    const ids = operations.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)]);
  });

  it('has no two namespaces of one name and dialect, and no event twice in one direction', () => {
    const names = namespaces.map(({ name, dialect }) => `${name} ${dialect}`);
    expect(names).toEqual([...new Set(names)]);
    for (const { receives, sends } of namespaces) {
      for (const events of [receives, sends]) {
        const names = Object.values(events).map(({ name }) => name);
        expect(names).toEqual([...new Set(names)]);
      }
    }
  });

  it('states the version of the package', () => {
    expect(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version).toBe(CONTRACT_VERSION);
  });
});
