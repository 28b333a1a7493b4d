import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { caughtUp, makeDirect, makeUsers, onServer, say } from '../support/chats.ts';
import { connected } from '../support/sockets.ts';

interface Dashboard {
  panels: { title: string; targets: { expr: string }[] }[];
  templating: { list: { query: string | { query: string } }[] };
}

const path = new URL('../../../../docs/grafana-dashboard.json', import.meta.url);
const dashboard = JSON.parse(readFileSync(path, 'utf8')) as Dashboard;

const METRIC = /\b(?:websocket|nodejs|process)_\w+/g;
/** A metric with what selects its series, as in `name{a="b",c=~"d"}`. */
const SELECTED = /\b((?:websocket|nodejs|process)_\w+)\{([^}]*)\}/g;
const LABEL = /(\w+)=~?"/g;
const GROUPED = /by \(([^)]*)\) \(.*?\b((?:websocket|nodejs|process)_\w+)/g;

onServer('docs/grafana-dashboard.json', (server) => {
  test('each metric that a panel queries exists in /metrics, with the labels that it is queried by', async () => {
    const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
    const { id } = await makeDirect(server(), anna, boris);
    const auth = { token: server().token(anna), device_id: 'phone' };
    const first = await connected(server().url, '/', { auth });
    await say(first, id, 'Hello!');
    await first.ask('chat:join', { chat_id: 'none' });
    await caughtUp(first);
    first.cut();
    const again = await connected(server().url, '/', { auth });
    await again.next('sync:required', ({ reason }) => reason === 'reconnection');

    const { body } = await server().api('GET', '/metrics');
    const series = (body as string).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const has = (name: string, label?: string) =>
      series.some(
        (line) => line.startsWith(`${name} `) || (line.startsWith(`${name}{`) && (label === undefined || line.includes(`${label}="`))),
      );
    // Prometheus itself adds where a series came from.
    const known = (name: string, label: string) =>
      label === 'instance' || series.some((line) => line.startsWith(`${name}{`) && line.includes(`${label}="`));
    for (const { title, targets } of dashboard.panels) {
      expect(targets.length, title).toBeGreaterThan(0);
      for (const { expr } of targets) {
        const names = expr.match(METRIC) ?? [];
        expect(names.length, `${title}: ${expr}`).toBeGreaterThan(0);
        for (const name of names) expect({ title, name, exists: has(name) }).toEqual({ title, name, exists: true });
        for (const [, name, selectors] of expr.matchAll(SELECTED))
          for (const [, label] of selectors!.matchAll(LABEL))
            expect({ title, name, label, exists: known(name!, label!) }).toMatchObject({ exists: true });
        for (const [, labels, name] of expr.matchAll(GROUPED))
          for (const label of labels!.split(', '))
            expect({ title, name, label, exists: known(name!, label) }).toMatchObject({ exists: true });
      }
    }
    for (const { query } of dashboard.templating.list)
      for (const name of JSON.stringify(query).match(METRIC) ?? []) expect(has(name)).toBe(true);
  });

  test("it shows the document's metrics: concurrent connections, messages per second, latency, reconnection rate, error rate", () => {
    const shown = new Set(dashboard.panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => expr.match(METRIC) ?? [])));
    expect([...shown]).toEqual(
      expect.arrayContaining([
        'websocket_connected_clients',
        'websocket_messages_total',
        'websocket_message_latency_seconds_bucket',
        'websocket_reconnections_total',
        'websocket_errors_total',
      ]),
    );
  });
});
