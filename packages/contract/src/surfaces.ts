/** Everything that is declared, surface by surface: what the documents are made of and what the server is compared with. */
import type { Namespace, Route } from './declare.ts';
import * as allawzi from './allawzi/index.ts';
import * as depth from './depth/index.ts';
import * as khawam from './khawam/index.ts';
import * as v2 from './v2/index.ts';

/** Version of the contract, as the documents state it: that of this package. */
export const CONTRACT_VERSION = '0.1.0';

/** One of the documents' dialects. */
export interface Surface {
  /** Begins its operations' ids. */
  id: string;
  title: string;
  /** The surface's module. What it exports is told by its shape, so nothing that is declared can be left out. */
  declarations: object;
}

export const surfaces: readonly Surface[] = [
  { id: 'v2', title: 'Service Platform v2', declarations: v2 },
  { id: 'allawzi', title: 'Allawzi', declarations: allawzi },
  { id: 'depth', title: 'Depth', declarations: depth },
  { id: 'khawam', title: 'Khawam', declarations: khawam },
];

/** A route with the name that tools give it. */
export interface Operation {
  id: string;
  route: Route;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
const isRoute = (value: unknown): value is Route => isObject(value) && 'method' in value && 'path' in value && 'access' in value;
const isNamespace = (value: unknown): value is Namespace => isObject(value) && 'receives' in value && 'sends' in value;

// By name, as a module's own order is in one runtime and not in another.
const exportsOf = (declarations: object): [string, unknown][] => Object.entries(declarations).toSorted(([a], [b]) => (a < b ? -1 : 1));

/** Routes are exported in groups: `chatRoutes.create` of `v2` is the operation `v2_chat_create`. */
export const operations: readonly Operation[] = surfaces.flatMap(({ id, declarations }) =>
  exportsOf(declarations).flatMap(([group, routes]) =>
    Object.entries(isObject(routes) ? routes : {})
      .filter((entry): entry is [string, Route] => isRoute(entry[1]))
      .map(([name, route]) => ({ id: `${id}_${group.replace(/Routes$/, '')}_${name}`, route })),
  ),
);

/** Every route of every surface. */
export const routes: readonly Route[] = operations.map(({ route }) => route);

/** Every Socket.IO namespace and raw WebSocket of every surface. */
export const namespaces: readonly Namespace[] = surfaces.flatMap(({ declarations }) =>
  exportsOf(declarations)
    .map(([, value]) => value)
    .filter(isNamespace),
);
