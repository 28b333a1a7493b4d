import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { RunningServer } from './server-process.ts';

const announcement = /Debugger listening on (ws:\S+)/;
const announcedWithinMs = 5000;

/**
 * Makes a server collect its garbage, by way of the inspector that SIGUSR1 opens in every Node process, so that nothing needs
 * to be built into the server for it. Rejects where the inspector does not announce itself in the server's log within 5 s.
 */
export async function collectGarbage(server: RunningServer): Promise<void> {
  const inspector = new WebSocket(await inspectorUrl(server));
  await once(inspector, 'open');
  const collected = once(inspector, 'message');
  inspector.send(JSON.stringify({ id: 1, method: 'HeapProfiler.collectGarbage' }));
  await collected;
  const closed = once(inspector, 'close');
  inspector.close();
  await closed;
}

async function inspectorUrl(server: RunningServer): Promise<string> {
  const announced = (): string | undefined => announcement.exec(readFileSync(server.logFile, 'utf8').slice(server.logStart))?.[1];
  const deadline = performance.now() + announcedWithinMs;
  let url = announced();
  if (url === undefined) process.kill(server.pid, 'SIGUSR1');
  for (; url === undefined; url = announced()) {
    if (performance.now() > deadline) throw new Error(`process ${server.pid} did not open its inspector`);
    await delay(20);
  }
  return url;
}
