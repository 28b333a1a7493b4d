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

const noAddressHere = ({ HOST }: Settings) =>
  `HOST is ${JSON.stringify(HOST)}, which is no address of this machine; it must be one, for example 127.0.0.1`;

/** What settings are wrong where the system refuses to listen, by its code. */
const LISTEN_PROBLEMS: Readonly<Record<string, (settings: Settings) => string>> = {
  EADDRINUSE: ({ PORT }) => `PORT is ${PORT}, which another process listens on; it must be a free port, for example ${PORT + 1}`,
  EACCES: ({ PORT }) => `PORT is ${PORT}, which this user may not listen on; it must be 1024 or above, for example 3000`,
  EADDRNOTAVAIL: noAddressHere,
  EAFNOSUPPORT: noAddressHere,
  EAI_AGAIN: noAddressHere,
  EINVAL: noAddressHere,
  ENOTFOUND: noAddressHere,
};

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
    const problem = LISTEN_PROBLEMS[(error as NodeJS.ErrnoException).code ?? '']?.(settings);
    throw problem === undefined ? error : new SettingsError(problem);
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
