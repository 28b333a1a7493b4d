import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { RedisOptions } from 'ioredis';
import type { Logger } from 'pino';
import { SETTINGS } from '../config/config.module.ts';
import type { Settings } from '../config/settings.ts';
import { LOGGER } from '../logger.ts';
import { STORAGE } from '../storage/storage.module.ts';
import type { Storage } from '../storage/storage.ts';
import { NodeBus } from './node-bus.ts';
import { NodeQuestions } from './node-questions.ts';
import { RedisLink } from './redis-link.ts';
import { storeId } from './store-id.repository.ts';

/** Injection token of the `RedisLink`; undefined on one node. */
export const REDIS_LINK = Symbol('RedisLink');

/** Where Redis is, by `REDIS_URL` or else `REDIS_HOST`; undefined where neither is set. */
export function redisOptions({ REDIS_URL, REDIS_HOST, REDIS_PORT, REDIS_PASSWORD }: Settings): RedisOptions | undefined {
  if (REDIS_URL) {
    const { protocol, hostname, port, username, password, pathname } = new URL(REDIS_URL);
    return {
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port || 6379),
      ...(username && { username: decodeURIComponent(username) }),
      ...(password && { password: decodeURIComponent(password) }),
      ...(pathname.length > 1 && { db: Number(pathname.slice(1)) }),
      ...(protocol === 'rediss:' && { tls: {} }),
    };
  }
  if (REDIS_HOST) return { host: REDIS_HOST, port: REDIS_PORT, ...(REDIS_PASSWORD && { password: REDIS_PASSWORD }) };
  return undefined;
}

async function openLink(settings: Settings, storage: Storage, logger: Logger): Promise<RedisLink | undefined> {
  const options = redisOptions(settings);
  if (!options) return undefined;
  if (!settings.DATABASE_URL) logger.warn('REDIS_URL without DATABASE_URL: other nodes cannot share the embedded store');
  return new RedisLink(options, `majlis:${await storeId(storage)}:`, logger);
}

/** What connects the nodes of one installation. */
@Global()
@Module({
  providers: [
    { provide: REDIS_LINK, inject: [SETTINGS, STORAGE, LOGGER], useFactory: openLink },
    {
      provide: NodeBus,
      inject: [REDIS_LINK, LOGGER],
      useFactory: (link: RedisLink | undefined, logger: Logger) => new NodeBus(link, logger),
    },
    {
      provide: NodeQuestions,
      inject: [NodeBus, REDIS_LINK],
      useFactory: (bus: NodeBus, link: RedisLink | undefined) => new NodeQuestions(bus, link),
    },
  ],
  exports: [REDIS_LINK, NodeBus, NodeQuestions],
})
export class ClusterModule implements OnApplicationShutdown {
  constructor(@Inject(REDIS_LINK) private readonly link: RedisLink | undefined) {}

  // After everything that writes has drained: the other nodes have heard of it all.
  async onApplicationShutdown(): Promise<void> {
    await this.link?.stop();
  }
}
