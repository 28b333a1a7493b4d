import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { LIMITS } from '@majlis/contract';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { DestinationStream, Logger } from 'pino';
import { AppModule } from './app.module.ts';
import type { Settings } from './config/settings.ts';
import { invalid } from './errors.ts';
import { allowOrigins, setSecurityHeaders } from './http/browser-rules.ts';
import { ClientAddresses } from './http/client-address.ts';
import { serveConsole } from './http/console.ts';
import { HttpEntry, type RequestHandler } from './http/http-entry.ts';
import { acceptBodies } from './http/bodies.ts';
import { send } from './http/problem.filter.ts';
import { PublicUrl } from './http/public-url.ts';
import { logRequests } from './http/request-log.ts';
import { createLogger, nestLogger } from './logger.ts';
import { acceptedLocale } from './realtime/handshake.ts';

/** A server that is made and not yet listening. */
export interface App {
  app: NestFastifyApplication;
  logger: Logger;
  /** Listens on `HOST` and `PORT`. @returns the address to show to people, without a slash at the end */
  listen(): Promise<string>;
  /** Drains and closes everything; resolves within 10 s. */
  close(): Promise<void>;
}

// As long as a whole request head may be (Node's default): which ids are too long is for the routes to say, each in its own code.
const PARAMETER_LENGTH = 16_384;
// Connections that the system keeps until they are accepted (at most net.core.somaxconn): where thousands come back in a second, Node's 511
// overflow whenever the event loop is busy for half of one.
const BACKLOG = 4_096;

/**
 * Makes the server: store opened and migrated, modules wired, routes known.
 * @param logTo where the log goes; stdout by default
 */
export async function createApp(settings: Settings, logTo?: DestinationStream): Promise<App> {
  const logger = createLogger(settings.LOG_LEVEL, logTo);
  const entry = new HttpEntry(logger);
  const adapter = new FastifyAdapter({
    serverFactory: (handler: RequestHandler) => entry.createServer(handler),
    bodyLimit: LIMITS.frameBytes,
    // A path that is not well percent-encoded, before any route is known.
    frameworkErrors: (_error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      void send(reply, invalid('path', 'is not a well-formed path'), acceptedLocale(request.headers['accept-language']) ?? 'en');
    },
    // A request that arrives on an open connection while the node goes away is still answered.
    return503OnClosing: false,
    routerOptions: { maxParamLength: PARAMETER_LENGTH, ignoreTrailingSlash: true },
  });
  acceptBodies(adapter.getInstance());
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with({ settings, logger, entry }), adapter, {
    abortOnError: false,
    bodyParser: false,
    logger: nestLogger(logger),
  });
  logRequests(adapter.getInstance(), logger, app.get(ClientAddresses));
  allowOrigins(app, settings);
  await setSecurityHeaders(app, settings);
  await serveConsole(app);
  await app.init();
  return {
    app,
    logger,
    async listen() {
      await app.listen({ port: settings.PORT, host: settings.HOST, backlog: BACKLOG });
      return app.get(PublicUrl).listening();
    },
    close: () => app.close(),
  };
}
