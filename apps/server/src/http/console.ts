import fastifyStatic from '@fastify/static';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply } from 'fastify';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const BUILT = join(import.meta.dirname, '../../../console/dist');
const NOT_BUILT =
  '<!doctype html><meta charset="utf-8"><title>Majlis</title><p>The console is not built. Run <code>npm run build</code> and start the server again.';
// The names of what the bundler emits change with the content.
const HASHED = /[\\/]assets[\\/]/;

/** Serves the console: its files, and its page for `/`, `/app` and all below. */
export async function serveConsole(app: NestFastifyApplication): Promise<void> {
  const fastify = app.getHttpAdapter().getInstance();
  const built = existsSync(join(BUILT, 'index.html'));
  if (built) {
    await app.register(fastifyStatic, {
      root: BUILT,
      // A route for each file there is: anything else is nobody's, and is answered as a problem.
      wildcard: false,
      index: false,
      cacheControl: false,
      setHeaders(reply, path) {
        reply.header('Cache-Control', HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache');
      },
    });
  }
  const page = (_: unknown, reply: FastifyReply) =>
    built ? reply.sendFile('index.html') : reply.status(503).type('text/html').send(NOT_BUILT);
  for (const path of ['/', '/app', '/app/*']) fastify.get(path, page);
}
