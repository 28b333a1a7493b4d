/** The process log: JSON lines on stdout. Nothing that signs anybody in is ever in it. */
import { Global, Module, type DynamicModule, type LoggerService } from '@nestjs/common';
import { destination, pino, type DestinationStream, type Level, type Logger } from 'pino';
import { SettingsError } from './config/settings.ts';

/** Injection token of the process's pino `Logger`. */
export const LOGGER = Symbol('Logger');

// What signs somebody in, and what carries it. Nobody logs these on purpose; by their names they cannot be logged by mistake either.
// The library's own redaction looks into every object of a line, at thirty times the cost of the line (measured: 1 µs to 32).
const SECRET =
  /^(?:.*token|password|secret|cookies?|(?:proxy-)?authorization|x-api-key|(?:raw)?headers|req|request|handshake|auth|query)$/i;
const HIDDEN = '[hidden]';

function withoutSecrets(line: Record<string, unknown>): Record<string, unknown> {
  for (const key in line) if (SECRET.test(key)) line = { ...line, [key]: HIDDEN };
  return line;
}

// Libraries hang requests, queries and configurations on their errors.
function errorShown(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack, cause } = error;
  return {
    type: name,
    message,
    stack,
    code: (error as NodeJS.ErrnoException).code,
    ...(cause === undefined ? {} : { cause: errorShown(cause) }),
  };
}

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
      formatters: { level: (label) => ({ level: label }), log: withoutSecrets },
      serializers: { err: errorShown },
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
      // It ends the start, and the process says it in its one line.
      if (message instanceof SettingsError) return;
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
