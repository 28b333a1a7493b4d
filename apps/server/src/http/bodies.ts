import type { FastifyContextConfig, FastifyInstance } from 'fastify';
import { invalid } from '../errors.ts';
import type { RouteBody } from './endpoint.ts';
import { MULTIPART } from './multipart.ts';

/**
 * Bodies are JSON, or where the contract says so a form, which its handler reads as it comes; nothing else. An empty one is none,
 * whatever its content type: clients that always send the header also send it with requests that have nothing to say.
 */
export function acceptBodies(fastify: FastifyInstance): void {
  // It refuses the keys that would reach into an object's prototype.
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body: string, done) => {
    if (body === '') return done(null, undefined);
    void parse(request, body, (error, value) => done(error && invalid('payload', 'is not valid JSON'), value));
  });
  fastify.addContentTypeParser(MULTIPART, ({ routeOptions }, payload, done) => {
    const { bodyType } = routeOptions.config as FastifyContextConfig & RouteBody;
    if (bodyType === MULTIPART) done(null, payload);
    else done(invalid('Content-Type', 'must be application/json'));
  });
}
