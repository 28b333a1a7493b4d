import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A started server that answers. */
export interface RunningServer {
  port: number;
  pid: number;
  /** Everything it prints; what this start has printed begins at `logStart`. */
  logFile: string;
  logStart: number;
  /** Ends it with SIGTERM, and with SIGKILL where it is not gone within 15 s. */
  stop(): Promise<void>;
}

const readyWithinMs = 30_000;
const stopWithinMs = 15_000;

/**
 * Starts a Node program with `PORT` set to a free port of 127.0.0.1 and everything it prints in `logFile`, and waits until
 * `GET /health/ready` answers 200. Rejects with the end of the log where the program ends or is not ready within 30 s.
 */
export async function startServer(program: string, environment: Record<string, string>, logFile: string): Promise<RunningServer> {
  const port = await freePort();
  const log = openSync(logFile, 'a');
  const logStart = fstatSync(log).size;
  // The inspector stays shut until SIGUSR1 opens it, then on a port of its own.
  const child = spawn(process.execPath, ['--inspect-port=0', program], {
    env: { ...process.env, ...environment, PORT: String(port), NODE_ENV: 'production' },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const ended = once(child, 'exit');
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const stop = async (): Promise<void> => {
    if (hasEnded()) return;
    child.kill('SIGTERM');
    const overdue = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
    await ended;
    clearTimeout(overdue);
  };

  const deadline = performance.now() + readyWithinMs;
  while (!(await isReady(port))) {
    if (hasEnded() || performance.now() > deadline) {
      await stop();
      throw new Error(`${program} did not become ready; its log ends:\n${readFileSync(logFile, 'utf8').slice(-2000)}`);
    }
    await delay(50);
  }
  return { port, pid: child.pid!, logFile, logStart, stop };
}

async function isReady(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health/ready`);
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
