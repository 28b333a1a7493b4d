import SwaggerParser from '@apidevtools/swagger-parser';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { openApiDocument, templatePath, type OpenApiDocument } from '../src/openapi.ts';
import { operations, routes } from '../src/surfaces.ts';
import * as v2 from '../src/v2/index.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- a document is looked into at many places
type Json = Record<string, any>;
const document: OpenApiDocument = openApiDocument();
const operationOf = (method: string, path: string): Json => document.paths[templatePath(path)]![method.toLowerCase()]!;

/** A validator of one schema of the document, with its references. */
function validatorOf(schema: Json) {
  const ajv = new Ajv2020({ strict: false });
  addFormats.default(ajv);
  ajv.addSchema({ ...document, $id: 'majlis:openapi' });
  return ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"majlis:openapi#/')));
}

describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1 without a dangling reference', async () => {
    await expect(SwaggerParser.validate(structuredClone(document) as never)).resolves.toBeDefined();
  });

  it('has every declared route and no other', () => {
    const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(documented.toSorted()).toEqual(routes.map(({ method, path }) => `${method} ${templatePath(path)}`).toSorted());
  });

  it.each(operations.map(({ id, route }) => [id, route] as const))('%s: schemas compile, path parameters are all declared', (id, route) => {
    const operation = operationOf(route.method, route.path);
    expect(operation.operationId).toBe(id);
    const inPath = operation.parameters.filter((parameter: Json) => parameter.in === 'path').map(({ name }: Json) => name);
    expect(inPath.toSorted()).toEqual([...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name).toSorted());
    const answers = Object.values<Json>(operation.responses).flatMap(({ content }) => Object.values<Json>(content ?? {}));
    for (const { schema } of [...answers, ...Object.values<Json>(operation.requestBody?.content ?? {})]) validatorOf(schema);
  });

  it('takes bodies as clients write them: what has a default may be left out', () => {
    const limit = operationOf('GET', v2.chatRoutes.list.path).parameters.find(({ name }: Json) => name === 'limit');
    expect(limit).toMatchObject({ required: false, schema: { default: 50, minimum: 1, maximum: 200 } });
  });

  it('says of a message what the server checks of it', () => {
    const accepts = validatorOf(operationOf('POST', v2.messageRoutes.send.path).requestBody.content['application/json'].schema);
    for (const body of [
      { type: 'text', content: 'السلام عليكم', client_message_id: 'a' },
      { type: 'text' },
      { type: 'sticker', content: 'x' },
      { type: 'text', content: 'x', client_message_id: '' },
      { type: 'text', content: 'x', unknown: 1 },
    ])
      expect(accepts(body), JSON.stringify(body)).toBe(v2.MessageDraft.safeParse(body).success);
  });

  it('"Keys of an answer are always present": they are required, and more of them do no harm', () => {
    const accepts = validatorOf({ $ref: '#/components/schemas/ChatMember' });
    const member = { user_id: 'u', name: 'n', avatar: null, joined_at: '2026-01-01T00:00:00.000Z' };
    expect(accepts(member)).toBe(true);
    expect(accepts({ ...member, later: 1 })).toBe(true);
    const { avatar: _, ...without } = member;
    expect(accepts(without)).toBe(false);
  });

  it('"A POST that makes something answers 201 and the object itself, a repeat of it 200; DELETE 204"', () => {
    expect(Object.keys(operationOf('POST', v2.messageRoutes.send.path).responses)).toEqual(expect.arrayContaining(['200', '201']));
    expect(operationOf('DELETE', v2.messageRoutes.remove.path).responses[204]).toEqual({ description: 'Done.' });
  });

  it('"REST errors: RFC 9457 problem details with the same code": of each status, the codes that this route answers', async () => {
    const resolved: Json = await SwaggerParser.dereference(structuredClone(document) as never);
    const responses = resolved.paths[templatePath(v2.messageRoutes.edit.path)].patch.responses;
    const codes = responses[404].content['application/problem+json'].schema.allOf[1].properties.code.enum;
    expect(codes).toEqual(['CHAT_NOT_FOUND', 'NOT_FOUND']);
    expect(responses[429].headers['Retry-After']).toBeDefined();
  });

  it('routes for signed-in users take a bearer token, or an API key with X-On-Behalf-Of; public ones neither', () => {
    const me = operationOf('GET', v2.authRoutes.me.path);
    expect(me.security).toEqual([{ bearer: [] }, { apiKey: [] }]);
    expect(me.parameters).toEqual([{ $ref: '#/components/parameters/OnBehalfOf' }]);
    expect(operationOf('POST', v2.authRoutes.login.path)).toMatchObject({ security: [], parameters: [] });
  });

  it('names the server that it is asked to name', () => {
    expect(openApiDocument({ serverUrl: 'https://chat.example' }).servers).toEqual([{ url: 'https://chat.example' }]);
  });
});
