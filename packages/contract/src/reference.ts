/** The contract in the form in which people read it: tables of keys. The Markdown page and the server's HTML pages are drawn from it. */
import type { z } from 'zod';
import { refusalOf } from './asyncapi.ts';
import type { Access, Budget, ClientEvent, Namespace, Route, ServerEvent } from './declare.ts';
import { ERROR_REFERENCE } from './error-reference.ts';
import { ERRORS, type ErrorCode, type Locale } from './errors.ts';
import { schemaCollector, type Direction, type JsonSchema } from './json-schema.ts';
import { errorsOf, successStatuses } from './openapi.ts';
import { namespaces, routes } from './surfaces.ts';
import { Problem } from './problem.ts';

/** Words, and names of objects that have an entry of their own. */
export type TypeText = readonly (string | { object: string })[];

/** One key of a payload. `chats.*.messages[].id`: of each value of a map, of each item of a list. */
export interface Field {
  path: string;
  optional: boolean;
  type: TypeText;
  notes: string;
}

/** What a payload is: its type, and its keys where it is an object without an entry of its own. */
export interface Shape {
  type: TypeText;
  fields: readonly Field[];
}

export interface EventEntry {
  name: string;
  summary: string;
  payload: Shape;
  /** Of events that clients send; without `ack` where there are no acknowledgements. */
  inbound?: { budget: Budget; dropsSilently: boolean; ack?: Shape | undefined };
}

export interface NamespaceEntry {
  name: string;
  description: string;
  /** Absent where there are no acknowledgements. */
  refusal?: Shape | undefined;
  receives: readonly EventEntry[];
  sends: readonly EventEntry[];
}

export interface RouteEntry {
  method: Route['method'];
  path: string;
  summary: string;
  access: Access;
  budget: Budget;
  params?: Shape;
  query?: Shape;
  headers?: Shape;
  body?: Shape;
  answer?: Shape;
  statuses: readonly number[];
  errors: readonly ErrorCode[];
}

export interface ObjectEntry {
  name: string;
  description: string;
  shape: Shape;
}

export interface ErrorEntry {
  code: ErrorCode;
  status: number;
  texts: Record<Locale, string>;
  meaning: string;
  remedy: string;
}

export interface Reference {
  namespaces: readonly NamespaceEntry[];
  /** By tag, in the order of declaration. */
  routes: readonly { tag: string; routes: readonly RouteEntry[] }[];
  /** What types refer to, by name. */
  objects: readonly ObjectEntry[];
  errors: readonly ErrorEntry[];
}

const COMPONENTS = '#/';

/** Everything that is declared, ready to be drawn. */
export function reference(): Reference {
  const schemas = schemaCollector('draft-2020-12', COMPONENTS);
  const shape = (schema: z.ZodType, direction: Direction) => shapeOf(schemas.schemaOf(schema, direction));
  const outbound = ({ name, summary, payload }: ServerEvent): EventEntry => ({ name, summary, payload: shape(payload, 'output') });
  const inbound = ({ name, summary, payload, budget, dropsSilently, ack }: ClientEvent, replies: boolean): EventEntry => ({
    name,
    summary,
    payload: shape(payload, 'input'),
    inbound: { budget, dropsSilently: dropsSilently !== undefined, ack: replies ? shape(ack, 'output') : undefined },
  });
  const namespaceEntry = ({ name, dialect, protocol, description, receives, sends }: Namespace): NamespaceEntry => {
    const replies = protocol !== 'websocket';
    return {
      name: dialect === undefined ? name : `${name} (${dialect})`,
      description,
      refusal: replies ? shape(refusalOf(name), 'output') : undefined,
      receives: Object.values(receives).map((event) => inbound(event, replies)),
      sends: Object.values(sends).map(outbound),
    };
  };
  const routeEntry = (route: Route): RouteEntry => ({
    method: route.method,
    path: route.path,
    summary: route.summary,
    access: route.access,
    budget: route.budget,
    params: route.params && shape(route.params, 'input'),
    query: route.query && shape(route.query, 'input'),
    headers: route.headers && shape(route.headers, 'input'),
    body: route.body && shape(route.body, 'input'),
    answer: route.answer && shape(route.answer, 'output'),
    statuses: successStatuses(route),
    errors: errorsOf(route),
  });

  const listed = {
    namespaces: namespaces.map(namespaceEntry),
    routes: [...Map.groupBy(routes, ({ tag }) => tag)].map(([tag, tagged]) => ({ tag, routes: tagged.map(routeEntry) })),
    errors: Object.entries(ERRORS).map(([code, { status, ...texts }]) => ({
      code: code as ErrorCode,
      status,
      texts,
      ...ERROR_REFERENCE[code as ErrorCode],
    })),
  };
  schemas.schemaOf(Problem, 'output');
  const objects = Object.entries(schemas.components)
    .map(([name, schema]) => ({ name, description: notesOf(schema), shape: shapeOf(schema) }))
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en'));
  return { ...listed, objects };
}

function shapeOf(schema: JsonSchema): Shape {
  return { type: typeOf(schema), fields: fieldsOf(schema, '', false) };
}

const isSchema = (value: unknown): value is JsonSchema => typeof value === 'object' && value !== null;
const schemaList = (value: unknown): JsonSchema[] => (Array.isArray(value) ? value.filter(isSchema) : []);
const alternativesOf = (schema: JsonSchema) => schemaList(schema.anyOf ?? schema.oneOf);

function typeOf(schema: JsonSchema): TypeText {
  if (schema.$ref) return [{ object: schema.$ref.slice(COMPONENTS.length) }];
  if (schema.const !== undefined) return [JSON.stringify(schema.const)];
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(' | ')];
  const alternatives = alternativesOf(schema);
  if (alternatives.length > 0) return alternatives.flatMap((one, i) => (i === 0 ? typeOf(one) : [' | ', ...typeOf(one)]));
  if (schema.allOf) return ['object'];
  if (schema.type === 'array') return [...typeOf(isSchema(schema.items) ? schema.items : {}), '[]'];
  if (schema.type === 'object' && isMap(schema)) return ['map of ', ...typeOf(schema.additionalProperties)];
  return [schema.format ?? [schema.type ?? 'any'].flat().join(' | ')];
}

type MapSchema = JsonSchema & { additionalProperties: JsonSchema };

// An object with keys of the sender's own has additionalProperties too, but nothing is known of them.
const isMap = (schema: JsonSchema): schema is MapSchema =>
  !schema.properties && isSchema(schema.additionalProperties) && Object.keys(schema.additionalProperties).length > 0;

function fieldsOf(schema: JsonSchema, prefix: string, optional: boolean): Field[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const property = value as JsonSchema;
    const path = prefix === '' ? key : `${prefix}.${key}`;
    const field: Field = {
      path,
      optional: optional || !(schema.required ?? []).includes(key),
      type: typeOf(property),
      notes: notesOf(property),
    };
    return [field, ...fieldsOf(property, path, false)];
  });
  const alternatives = alternativesOf(schema).filter(({ type }) => type !== 'null');
  return [
    ...own,
    ...schemaList(schema.allOf).flatMap((part) => fieldsOf(part, prefix, optional)),
    ...alternatives.flatMap((one) => fieldsOf(one, prefix, optional || alternatives.length > 1)),
    ...(isSchema(schema.items) ? fieldsOf(schema.items, `${prefix}[]`, false) : []),
    ...(isMap(schema) ? fieldsOf(schema.additionalProperties, prefix === '' ? '*' : `${prefix}.*`, false) : []),
  ];
}

/** What a range of numbers, or of a count of `unit`, is called; undefined where it says nothing. */
function range(min: number | undefined, max: number | undefined, unit = ''): string | undefined {
  const units = unit && ` ${unit}${(max ?? min) === 1 ? '' : 's'}`;
  if (max === undefined) return min ? `at least ${min}${units}` : undefined;
  return min === undefined ? `at most ${max}${units}` : `${min} to ${max}${units}`;
}

function constraintsOf(schema: JsonSchema): string[] {
  const found = [
    range(schema.minLength, schema.maxLength, 'character'),
    range(schema.minimum, schema.maximum),
    range(schema.minItems, schema.maxItems, 'item'),
    schema.pattern && `matches \`${schema.pattern}\``,
    schema.default === undefined ? undefined : `default ${JSON.stringify(schema.default)}`,
  ].filter((text): text is string => typeof text === 'string');
  const alternatives = alternativesOf(schema).filter(({ type }) => type !== 'null');
  return alternatives.length === 1 ? [...found, ...constraintsOf(alternatives[0]!)] : found;
}

function descriptionOf(schema: JsonSchema): string {
  return schema.description ?? alternativesOf(schema).find(({ description }) => description)?.description ?? '';
}

function notesOf(schema: JsonSchema): string {
  const constraints = constraintsOf(schema).join(', ');
  return [constraints && `${constraints[0]!.toUpperCase()}${constraints.slice(1)}.`, descriptionOf(schema)].filter(Boolean).join(' ');
}
