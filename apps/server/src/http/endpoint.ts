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
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { invalid } from '../errors.ts';
import { failureOf } from '../realtime/error-body.ts';

const ROUTE = Symbol('route');

/** Makes a controller's method the handler of `route`. */
export function Endpoint(route: Route): MethodDecorator {
  return applyDecorators(
    RequestMapping({ path: route.path, method: RequestMethod[route.method] }),
    HttpCode(route.status),
    SetMetadata(ROUTE, route),
  );
}

/** The route of the contract that the current request was matched to; undefined for what is none. */
export function routeOf(context: ExecutionContext): Route | undefined {
  return Reflect.getMetadata(ROUTE, context.getHandler()) as Route | undefined;
}

/** Gives `InputOf<typeof route>`: path parameters, query, body and headers as the route's schemas read them. */
export const Input = createParamDecorator((_, context: ExecutionContext) => {
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  const { params, query, body, headers } = routeOf(context)!;
  return {
    params: read(params, request.params),
    query: read(query, request.query),
    body: read(body, request.body),
    headers: read(headers, headers && named(headers, request.headers)),
  };
});

function read(schema: z.ZodType | undefined, value: unknown): unknown {
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
