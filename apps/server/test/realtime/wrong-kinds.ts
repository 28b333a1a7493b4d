/** Payloads made of an event's own schema: a good one, and from it every one in which one field is of a wrong kind. */
import type { z } from 'zod';

type Path = readonly string[];

/** A payload with one field replaced. */
export interface Wrong {
  /** As the error names it. */
  field: string;
  payload: unknown;
}

interface Scalar {
  path: Path;
  kind: string;
  /** Null, or nothing at all, will do. */
  nullable: boolean;
  optional: boolean;
}

const KEY = 'some key';
const VALUES: Readonly<Record<string, unknown>> = { string: 'x', number: 7, boolean: true, array: [], object: {}, null: null };
/** The names of `VALUES` that a schema of this type takes. */
const KINDS: Readonly<Record<string, string>> = {
  string: 'string',
  enum: 'string',
  literal: 'string',
  number: 'number',
  int: 'number',
  boolean: 'boolean',
  record: 'object',
  object: 'object',
  array: 'array',
};

// oxlint-disable-next-line typescript/no-explicit-any -- zod's own description of a schema, whose form depends on its type
const definition = (schema: z.ZodType): any => schema.def;

function kindOf(type: string): string {
  const kind = KINDS[type];
  if (kind === undefined) throw new Error(`a schema of type ${type} is not known here`);
  return kind;
}

/** A payload that `schema` takes. */
export function sample(schema: z.ZodType): unknown {
  const { type, ...rest } = definition(schema);
  switch (type) {
    case 'object':
      return Object.fromEntries(Object.entries(rest.shape as Record<string, z.ZodType>).map(([key, field]) => [key, sample(field)]));
    case 'intersection':
      return Object.assign({}, sample(rest.left), sample(rest.right));
    case 'record':
      return { [KEY]: sample(rest.valueType) };
    case 'array':
      return [sample(rest.element)];
    case 'enum':
      return Object.values(rest.entries)[0];
    case 'literal':
      return rest.values[0];
    case 'optional':
    case 'nullable':
    case 'default':
      return sample(rest.innerType);
    case 'pipe':
      return sample(rest.in);
    case 'union':
      return sample(rest.options[0]);
    case 'unknown':
      return 'anything';
    default:
      return VALUES[kindOf(type as string)];
  }
}

/** Every field of `schema`, whatever it lies in. */
function* scalars(schema: z.ZodType, path: Path = [], nullable = false, optional = false): Iterable<Scalar> {
  const { type, ...rest } = definition(schema);
  if (type === 'optional' || type === 'default') yield* scalars(rest.innerType, path, nullable, true);
  else if (type === 'nullable') yield* scalars(rest.innerType, path, true, optional);
  else if (type === 'pipe') yield* scalars(rest.in, path, nullable, optional);
  else if (type === 'union') yield* scalars(rest.options[0], path, nullable, optional);
  else if (type === 'intersection') {
    yield* scalars(rest.left, path);
    yield* scalars(rest.right, path);
  } else if (type !== 'unknown') {
    if (path.length > 0) yield { path, kind: kindOf(type as string), nullable, optional };
    if (type === 'object')
      for (const [key, field] of Object.entries(rest.shape as Record<string, z.ZodType>)) yield* scalars(field, [...path, key]);
    if (type === 'record') yield* scalars(rest.valueType, [...path, KEY]);
    if (type === 'array') yield* scalars(rest.element, [...path, '0']);
  }
}

function replaced(payload: unknown, [key, ...path]: Path, value: unknown): unknown {
  if (key === undefined) return value;
  const copy = structuredClone(payload) as Record<string, unknown>;
  if (path.length === 0 && value === undefined) delete copy[key];
  else copy[key] = replaced(copy[key], path, value);
  return copy;
}

/** Each field of a good payload replaced with each wrong kind, and left out where it must be there. */
export function* wrongKinds(schema: z.ZodType): Iterable<Wrong> {
  const good = sample(schema);
  for (const { path, kind, nullable, optional } of scalars(schema)) {
    const field = path.join('.');
    for (const [name, value] of Object.entries(VALUES)) {
      if (name !== kind && !(name === 'null' && nullable)) yield { field, payload: replaced(good, path, value) };
    }
    // Not of a record: without its one key it is an empty record, and that is good.
    if (!optional && path.at(-1) !== KEY) yield { field, payload: replaced(good, path, undefined) };
  }
}

/** Each text of a good payload replaced with each of `values`. */
export function* eachText(schema: z.ZodType, values: readonly unknown[]): Iterable<Wrong> {
  const good = sample(schema);
  for (const { path, kind } of scalars(schema)) {
    if (kind === 'string') for (const value of values) yield { field: path.join('.'), payload: replaced(good, path, value) };
  }
}
