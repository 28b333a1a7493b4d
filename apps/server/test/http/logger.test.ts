import { describe, expect, test } from 'vitest';
import { createLogger, nestLogger } from '../../src/logger.ts';

function recorded(level = 'info') {
  const lines: string[] = [];
  return { logger: createLogger(level, { write: (line) => void lines.push(line) }), lines };
}

describe('the log', () => {
  test('is JSON lines with the level by name and the time in ISO 8601 UTC', () => {
    const { logger, lines } = recorded();
    logger.warn({ userId: 'amal' }, 'Something');
    logger.debug('unseen');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { level: 'warn', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]+\.\d{3}Z$/), userId: 'amal', msg: 'Something' },
    ]);
  });

  test('never holds what signs somebody in, whoever logs it', () => {
    const { logger, lines } = recorded();
    for (const key of [
      'token',
      'accessToken',
      'refresh_token',
      'password',
      'authorization',
      'cookie',
      'x-api-key',
      'headers',
      'auth',
      'query',
    ]) {
      logger.info({ [key]: key === 'headers' ? { authorization: 'Bearer s3cret' } : 's3cret' }, 'x');
    }
    logger.error({ err: Object.assign(new Error('failed'), { config: { headers: { authorization: 's3cret' } } }) }, 'x');
    logger.error({ err: new Error('outer', { cause: Object.assign(new Error('inner'), { token: 's3cret' }) }) }, 'x');
    expect(lines).toHaveLength(12);
    expect(lines.join('')).not.toContain('s3cret');
  });

  test('shows errors with their stack, code and cause', () => {
    const { logger, lines } = recorded();
    logger.error({ err: Object.assign(new TypeError('outer', { cause: new Error('inner') }), { code: 'E_X' }) }, 'x');
    const { err } = JSON.parse(lines[0]!);
    expect(err).toMatchObject({ type: 'TypeError', message: 'outer', code: 'E_X', cause: { type: 'Error', message: 'inner' } });
    expect(err.stack).toContain('logger.test.ts');
  });

  test("takes the framework's own lines, its routine for debugging only", () => {
    const { logger, lines } = recorded();
    const nest = nestLogger(logger);
    nest.log('Mapped {/x, GET} route', 'RouterExplorer');
    nest.warn('careful', 'Somebody');
    nest.error('broken', 'Error: broken\n    at x.ts:1:1', 'Somebody');
    nest.error(new Error('thrown'), 'Somebody');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 'warn', context: 'Somebody', msg: 'careful' },
      { level: 'error', context: 'Somebody', stack: 'Error: broken\n    at x.ts:1:1', msg: 'broken' },
      { level: 'error', context: 'Somebody', err: { message: 'thrown' } },
    ]);
  });
});
