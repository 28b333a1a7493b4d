/** The OpenAPI 3.1 document of every declared route. */
import type { z } from 'zod';
import type { Access, Budget, Route } from './declare.ts';
import { ERROR_REFERENCE } from './error-reference.ts';
import { ERRORS, type ErrorCode } from './errors.ts';
import { schemaCollector, type JsonSchema, type SchemaCollector } from './json-schema.ts';
import { Problem } from './problem.ts';
import { CONTRACT_VERSION, operations, type Operation } from './surfaces.ts';

type Json = Record<string, unknown>;

const JSON_TYPE = 'application/json';

export interface OpenApiDocument extends Json {
  openapi: '3.1.1';
  paths: Record<string, Record<string, Json>>;
  components: { schemas: Record<string, JsonSchema> } & Json;
}

const ACCESS: Record<Access, string> = {
  public: 'Needs no token.',
  user: 'For a signed-in user, or an API key with `X-On-Behalf-Of`.',
  'user-or-key': 'For a signed-in user, or an API key, which need not act for one.',
  'key-or-admin': 'For an API key or an administrator.',
};

const BUDGETS: Record<Budget, string> = {
  write: 'Counts against the write budget.',
  light: 'Counts against the light budget.',
  ping: 'Counts against the ping budget.',
};

const SECURITY: Record<Access, Json[]> = {
  public: [],
  user: [{ bearer: [] }, { apiKey: [] }],
  'user-or-key': [{ bearer: [] }, { apiKey: [] }],
  'key-or-admin': [{ bearer: [] }, { apiKey: [] }],
};

/** What any request may be answered with, whatever its route declares. */
const ALWAYS: readonly ErrorCode[] = ['RATE_LIMIT', 'SOCKET_ERROR', 'UNAVAILABLE'];

/** The codes that a route can answer, in the order of the error reference. */
export function errorsOf(route: Route): ErrorCode[] {
  const codes = new Set<ErrorCode>([...route.errors, ...ALWAYS]);
  if (route.params || route.query || route.body || route.headers) codes.add('INVALID_DATA');
  if (route.access !== 'public') codes.add('UNAUTHORIZED');
  return (Object.keys(ERRORS) as ErrorCode[]).filter((code) => codes.has(code));
}

/** Statuses of success: what makes something answers 201, and 200 where it was made before. */
export function successStatuses(route: Route): number[] {
  return route.status === 201 ? [201, 200] : [route.status];
}

/** A route's path as OpenAPI writes it: `/chats/{id}`. */
export const templatePath = (path: string) => path.replace(/:(\w+)/g, '{$1}');

/** @param options.serverUrl where the API is reached; by default wherever the document was read from */
export function openApiDocument(options: { serverUrl?: string } = {}): OpenApiDocument {
  const schemas = schemaCollector('draft-2020-12');
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of operations) {
    const path = (paths[templatePath(operation.route.path)] ??= {});
    path[operation.route.method.toLowerCase()] = operationObject(operation, schemas);
  }
  schemas.schemaOf(Problem, 'output');

  return {
    openapi: '3.1.1',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'Majlis',
      version: CONTRACT_VERSION,
      description:
        'REST API of Majlis. Times are ISO 8601 UTC with milliseconds and `Z`. Unknown keys in a request are ignored. ' +
        'Errors are RFC 9457 problem details with a `code`. The events of the sockets are in the AsyncAPI document.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: options.serverUrl ?? '/' }],
    tags: [...new Set(operations.map(({ route }) => route.tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: schemas.components,
      responses: problemResponses(),
      parameters: {
        OnBehalfOf: {
          name: 'X-On-Behalf-Of',
          in: 'header',
          description: 'With an API key: id of the user for whom it acts. Ignored without a valid key.',
          schema: { $ref: '#/components/schemas/UserId' },
        },
      },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'Token of a user.' },
        apiKey: {
          type: 'apiKey',
          in: 'header',
          name: 'X-API-Key',
          description: "Key of the customer's backend; `X-On-Behalf-Of` names the user for whom it acts.",
        },
      },
    },
  };
}

function operationObject({ id, route }: Operation, schemas: SchemaCollector): Json {
  const parameters = [
    ...parametersOf(route.params, 'path', schemas),
    ...parametersOf(route.query, 'query', schemas),
    ...parametersOf(route.headers, 'header', schemas),
    ...(route.access === 'public' ? [] : [{ $ref: '#/components/parameters/OnBehalfOf' }]),
  ];
  return {
    operationId: id,
    summary: route.summary,
    description: `${ACCESS[route.access]} ${BUDGETS[route.budget]}`,
    tags: [route.tag],
    security: SECURITY[route.access],
    parameters,
    ...(route.body && {
      requestBody: { required: true, content: { [route.bodyType ?? JSON_TYPE]: { schema: schemas.schemaOf(route.body, 'input') } } },
    }),
    responses: { ...successResponses(route, schemas), ...problemReferences(route) },
  };
}

function parametersOf(declared: z.ZodType | undefined, place: 'path' | 'query' | 'header', schemas: SchemaCollector): Json[] {
  if (!declared) return [];
  const { properties = {}, required = [] } = schemas.schemaOf(declared, 'input');
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema,
  }));
}

function successResponses(route: Route, schemas: SchemaCollector): Json {
  const content = route.answer && { content: { [route.answerType ?? JSON_TYPE]: { schema: schemas.schemaOf(route.answer, 'output') } } };
  const descriptions: Record<number, string> = {
    200: route.status === 201 ? 'Made before; as it is now.' : 'Done.',
    201: 'Made.',
    204: 'Done.',
  };
  return Object.fromEntries(successStatuses(route).map((status) => [status, { description: descriptions[status], ...content }]));
}

const byStatus = (route: Route) => [...Map.groupBy(errorsOf(route), (code) => ERRORS[code].status)];

/** Routes that answer a status with the same codes share one response. */
const problemName = (codes: readonly ErrorCode[]) => codes.join('_or_');

function problemReferences(route: Route): Json {
  return Object.fromEntries(byStatus(route).map(([status, codes]) => [status, { $ref: `#/components/responses/${problemName(codes)}` }]));
}

function problemResponses(): Json {
  const all = operations.flatMap(({ route }) => byStatus(route));
  return Object.fromEntries(all.map(([status, codes]) => [problemName(codes), problemResponse(status, codes)]));
}

function problemResponse(status: number, codes: readonly ErrorCode[]): Json {
  return {
    description: codes.map((code) => `\`${code}\`: ${ERROR_REFERENCE[code].meaning}`).join('\n\n'),
    ...(status === ERRORS.RATE_LIMIT.status && {
      headers: { 'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 1 } } },
    }),
    content: {
      'application/problem+json': {
        schema: { allOf: [{ $ref: '#/components/schemas/Problem' }, { type: 'object', properties: { code: { enum: codes } } }] },
      },
    },
  };
}
