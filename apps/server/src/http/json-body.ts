import type { FastifyInstance } from 'fastify';
import { invalid } from '../errors.ts';

/**
 * Bodies are JSON and nothing else. An empty one is none, whatever its content type: clients that always send the header also send it
 * with requests that have nothing to say.
 */
export function acceptJsonBodies(fastify: FastifyInstance): void {
  // It refuses the keys that would reach into an object's prototype.
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body: string, done) => {
    if (body === '') return done(null, undefined);
    void parse(request, body, (error, value) => done(error && invalid('payload', 'is not valid JSON'), value));
  });
}
