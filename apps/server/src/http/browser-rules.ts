/** What browsers are told: which pages may call, and what the console's pages may load. */
import helmet from '@fastify/helmet';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Settings } from '../config/settings.ts';
import { originVerdict } from './origin.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const HEADERS = ['Authorization', 'Content-Type', 'Accept-Language', 'Idempotency-Key', 'X-API-Key', 'X-On-Behalf-Of'];
const PREFLIGHT_S = 600;

/** Lets pages call REST by the rule that all surfaces share; the answer to a foreign page has no CORS headers, so it cannot read it. */
export function allowOrigins(app: NestFastifyApplication, settings: Settings): void {
  app.enableCors({
    delegator: (request, answer) => {
      const verdict = originVerdict(request.headers.origin, request.headers.host, settings);
      answer(null, {
        origin: verdict === 'any' ? '*' : verdict === 'own' || verdict === 'listed',
        credentials: verdict === 'listed',
        methods: METHODS,
        allowedHeaders: HEADERS,
        exposedHeaders: ['Retry-After'],
        maxAge: PREFLIGHT_S,
        strictPreflight: false,
      });
    },
  });
}

/** Security headers. The console's scripts are files of its own; its styles are partly written into elements by its component library. */
export async function setSecurityHeaders(app: NestFastifyApplication, { PUBLIC_URL }: Settings): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        // Avatars and shared media are wherever the customer keeps them.
        imgSrc: ["'self'", 'data:', 'blob:', 'http:', 'https:'],
        mediaSrc: ["'self'", 'blob:', 'http:', 'https:'],
        fontSrc: ["'self'", 'data:'],
        connectSrc: ["'self'", 'ws:', 'wss:'],
        workerSrc: ["'self'", 'blob:'],
        objectSrc: ["'none'"],
        baseUri: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    // On plain HTTP a browser would be told never to come back this way.
    strictTransportSecurity: PUBLIC_URL?.startsWith('https:') ?? false,
  });
}
