/** A controller's method is a route of the contract: its method, path, status, access and schemas come from the declaration. */
import {
  HttpCode,
  RequestMapping,
  RequestMethod,
  SetMetadata,
  applyDecorators,
  createParamDecorator,
  type ExecutionContext,
} from '@nestjs/common';
import { payloadProblem, type Route } from '@majlis/contract';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { invalid } from '../errors.ts';
import { failureOf } from '../realtime/error-body.ts';

const ROUTE = Symbol('route');

/** What the parser of a body is told of its route. */
export type RouteBody = Pick<Route, 'bodyType'>;

/** Makes a controller's method the handler of `route`. */
export function Endpoint(route: Route): MethodDecorator {
  return applyDecorators(
    RequestMapping({ path: route.path, method: RequestMethod[route.method] }),
    HttpCode(route.status),
    SetMetadata(ROUTE, route),
    RouteConfig({ bodyType: route.bodyType } satisfies RouteBody),
  );
}

/** The route of the contract that the current request was matched to; undefined for what is none. */
export function routeOf(context: ExecutionContext): Route | undefined {
  return Reflect.getMetadata(ROUTE, context.getHandler()) as Route | undefined;
}

/** Gives `InputOf<typeof route>`: path parameters, query, body and headers as the route's schemas read them; no body where it is no JSON. */
export const Input = createParamDecorator((_, context: ExecutionContext) => {
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  const { params, query, body, bodyType, headers } = routeOf(context)!;
  return {
    params: readAs(params, request.params),
    query: readAs(query, request.query),
    body: bodyType ? undefined : readAs(body, request.body),
    headers: readAs(headers, headers && named(headers, request.headers)),
  };
});

/** What a schema reads of a value that a client sent; undefined without one. @throws Failure naming the field that is wrong */
export function readAs<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema>;
export function readAs(schema: z.ZodType | undefined, value: unknown): unknown;
export function readAs(schema: z.ZodType | undefined, value: unknown): unknown {
  if (!schema) return undefined;
  const problem = payloadProblem(value);
  if (problem) throw invalid(problem.field, problem.problem);
  const result = schema.safeParse(value);
  if (!result.success) throw failureOf(result.error);
  return result.data;
}

// Whatever their case in the schema, Node gives their names in lower case.
function named({ shape }: z.ZodObject, headers: FastifyRequest['headers']): Record<string, unknown> {
  return Object.fromEntries(Object.keys(shape).map((name) => [name, headers[name.toLowerCase()]]));
}
