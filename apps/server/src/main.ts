/** The process: settings in, a listening server out, and an orderly end. */
import { createApp, type App } from './app.ts';
import { loadSettings, SettingsError, type Settings } from './config/settings.ts';

// The contract's 10 s, less what the exit itself may take.
const EXIT_AFTER_MS = 9_500;

function settingsOrExit(): Settings {
  try {
    return loadSettings();
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

async function start(settings: Settings): Promise<void> {
  const server = await createApp(settings);
  const { logger } = server;

  // Nothing that a client sends comes here. A fault of ours leaves a state that nobody knows; a supervisor starts a new process.
  const die = (err: unknown) => {
    logger.fatal({ err }, 'Unexpected fault; the process ends');
    process.exit(1);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);

  let url: string;
  try {
    url = await server.listen();
  } catch (error) {
    await server.close();
    throw (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
      ? new SettingsError(
          `PORT is ${settings.PORT}, which another process listens on; it must be a free port, for example ${settings.PORT + 1}`,
        )
      : error;
  }
  // Ctrl-C under npm brings the signal twice, from the terminal and from npm; the second must not end the draining.
  let ending: Promise<void> | undefined;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void (ending ??= end(server, signal)));
  logger.info({ url }, 'Listening');
  process.stdout.write(`Majlis listens on ${url}\n`);
}

async function end(server: App, signal: string): Promise<void> {
  const { logger } = server;
  logger.info({ signal }, 'Draining');
  const exit = () => process.exit(0);
  setTimeout(() => {
    logger.warn('Draining took too long; the process ends now');
    exit();
  }, EXIT_AFTER_MS).unref();
  try {
    await server.close();
    logger.info('Drained');
  } catch (err) {
    logger.error({ err }, 'Draining failed');
  }
  exit();
}

start(settingsOrExit()).catch((error: Error) => {
  process.stderr.write(`${error instanceof SettingsError ? error.message : `The server cannot start: ${error.stack}`}\n`);
  process.exit(1);
});
