/** JSON Schemas of the contract's zod schemas; those with an id are collected and referred to. */
import { z } from 'zod';

export type JsonSchema = z.core.JSONSchema.BaseSchema;

/** What a client writes (`input`: defaults may be left out) or reads (`output`). */
export type Direction = 'input' | 'output';

/** Turns schemas into JSON Schema and keeps the named ones. */
export interface SchemaCollector {
  /** The schemas with an id that those given so far refer to, by id. */
  readonly components: Readonly<Record<string, JsonSchema>>;
  /** @throws where two different schemas have one id */
  schemaOf(schema: z.ZodType, direction: Direction): JsonSchema;
}

/**
 * @param target the JSON Schema draft of the document: OpenAPI 3.1 takes 2020-12, AsyncAPI 3.0 takes draft 7
 * @param componentPath where the document keeps its named schemas, `#/components/schemas/` in both
 */
export function schemaCollector(target: 'draft-2020-12' | 'draft-7', componentPath = '#/components/schemas/'): SchemaCollector {
  const components: Record<string, JsonSchema> = {};
  const definitions = target === 'draft-7' ? 'definitions' : '$defs';

  return {
    components,
    schemaOf(schema, direction) {
      // In a wrapper, a schema that has an id itself comes out as a reference too.
      const wrapped = z.toJSONSchema(z.object({ schema }), {
        target,
        io: direction,
        unrepresentable: 'any',
        override: ({ jsonSchema }) => tidy(jsonSchema),
      });
      const named = (wrapped[definitions] ?? {}) as Record<string, JsonSchema>;
      for (const [id, definition] of Object.entries(named)) {
        const component = withReferences(definition, `#/${definitions}/`, componentPath);
        const known = components[id];
        if (known && JSON.stringify(known) !== JSON.stringify(component)) throw new Error(`two schemas have the id ${id}`);
        components[id] = component;
      }
      return withReferences(wrapped.properties!['schema'] as JsonSchema, `#/${definitions}/`, componentPath);
    },
  };
}

/** Leaves out what is true of every value here, and patterns that only spell out a format. */
function tidy(schema: JsonSchema): void {
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.format !== undefined) delete schema.pattern;
  // Answers may gain keys; clients must not refuse them.
  if (schema.additionalProperties === false) delete schema.additionalProperties;
  if (JSON.stringify(schema.propertyNames) === '{"type":"string"}') delete schema.propertyNames;
}

function withReferences(schema: JsonSchema, from: string, to: string): JsonSchema {
  return JSON.parse(JSON.stringify(schema), (key, value) =>
    key === '$ref' && typeof value === 'string' && value.startsWith(from) ? to + value.slice(from.length) : value,
  );
}
