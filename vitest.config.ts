import { availableParallelism } from 'node:os';
import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';

// The sources of the workspaces are run, not what was built of them.
const conditions = ['@majlis/source', ...defaultServerConditions];

export default defineConfig({
  test: {
    projects: [
      {
        resolve: { conditions },
        ssr: { resolve: { conditions } },
        test: {
          name: 'node',
          include: ['{apps,packages}/*/test/**/*.test.ts', 'bench/test/**/*.test.ts'],
          // PostgreSQL, Redis and a browser, once for the run.
          globalSetup: ['apps/server/test/support/servers.ts'],
          testTimeout: 20_000,
          hookTimeout: 60_000,
        },
      },
    ],
    // The servers and browsers that tests start run beside the workers and want cores too.
    pool: 'forks',
    maxWorkers: Math.max(2, Math.floor(availableParallelism() / 2)),
  },
});
