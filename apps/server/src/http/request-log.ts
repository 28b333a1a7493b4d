import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { callerOf } from './caller.ts';
import type { ClientAddresses } from './client-address.ts';

// Asked every few seconds by machines.
const UNLOGGED = new Set(['/health/live', '/health/ready', '/metrics']);

/**
 * One line for each request. It names the route and not the address that was asked for: an address may hold a token, or be a
 * capability by itself.
 */
export function logRequests(fastify: FastifyInstance, logger: Logger, addresses: ClientAddresses): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url;
    if (route === undefined || !UNLOGGED.has(route)) {
      logger.info(
        {
          method: request.method,
          route: route ?? 'unknown',
          status: reply.statusCode,
          ms: Math.round(reply.elapsedTime * 10) / 10,
          userId: callerOf(request)?.user?.id,
          ip: addresses.of(request.raw),
        },
        'Request',
      );
    }
    done();
  });
}
