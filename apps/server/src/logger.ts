/** The process log: JSON lines on stdout. Nothing that signs anybody in is ever in it. */
import { Global, Module, type DynamicModule, type LoggerService } from '@nestjs/common';
import { destination, pino, type DestinationStream, type Level, type Logger } from 'pino';

/** Injection token of the process's pino `Logger`. */
export const LOGGER = Symbol('Logger');

// Nobody logs these on purpose; the list is for the error object of a library that carries them along.
const SECRETS = ['authorization', 'cookie', 'token', 'password', 'access_token', 'refresh_token', '["x-api-key"]'];
const REDACTED = SECRETS.flatMap((key) => {
  const path = key.startsWith('[') ? key : `.${key}`;
  return [key, `*${path}`, `*.headers${path}`, `*.auth${path}`, `*.query${path}`];
});

// Lines are gathered for a moment: a system call for each inbound event's line would cost more than the event.
const WRITE_FROM_BYTES = 4_096;
const WRITE_EVERY_MS = 100;

/**
 * Makes the log.
 * @param level the least grave level that is written, or `silent`
 * @param to where the lines go; stdout by default
 */
export function createLogger(level: string, to: DestinationStream = stdout()): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: REDACTED },
    },
    to,
  );
}

const stdout = () => destination({ dest: 1, sync: false, minLength: WRITE_FROM_BYTES, periodicFlush: WRITE_EVERY_MS });

/** The face that Nest's own lines come through: the last argument is the name of who writes, an error brings its stack as the one before. */
export function nestLogger(logger: Logger): LoggerService {
  const write =
    (level: Level) =>
    (message: unknown, ...rest: unknown[]) => {
      const context = rest.at(-1);
      const stack = rest.length > 1 ? rest[0] : undefined;
      if (message instanceof Error) logger[level]({ context, err: message });
      else logger[level]({ context, stack }, String(message));
    };
  return {
    verbose: write('trace'),
    // Which route belongs to which controller, fifty times at each start, is for debugging.
    log: write('debug'),
    debug: write('debug'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
  };
}

@Global()
@Module({})
export class LoggerModule {
  static with(logger: Logger): DynamicModule {
    return { module: LoggerModule, providers: [{ provide: LOGGER, useValue: logger }], exports: [LOGGER] };
  }
}
