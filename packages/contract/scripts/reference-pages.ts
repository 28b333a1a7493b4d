/** Writes docs/protocol.md and docs/errors.md from the declarations: `npm run docs -w @majlis/contract`. */
import { writeFileSync } from 'node:fs';
import { reference, type EventEntry, type ErrorEntry, type RouteEntry, type Shape, type TypeText } from '../src/reference.ts';

const GENERATED = '<!-- Made by `npm run docs -w @majlis/contract` from packages/contract/src; change it there. -->';

const ACCESS: Record<RouteEntry['access'], string> = {
  public: 'no token',
  user: 'user',
  'user-or-key': 'user, or API key',
  'key-or-admin': 'API key or administrator',
};

const anchor = (name: string) => name.toLowerCase();
const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const code = (text: string) => `\`${text}\``;

function typeText(type: TypeText): string {
  return type.map((part) => (typeof part === 'string' ? cell(part) : `[${part.object}](#${anchor(part.object)})`)).join('');
}

function table(fields: Shape['fields']): string {
  const rows = fields.map(
    ({ path, optional, type, notes }) => `| ${code(path)}${optional ? '?' : ''} | ${typeText(type)} | ${cell(notes)} |`,
  );
  return ['| key | type | |', '| --- | --- | --- |', ...rows].join('\n');
}

function shapeBlock(title: string, shape: Shape | undefined): string[] {
  if (!shape) return [];
  return shape.fields.length === 0 ? [`${title}: ${typeText(shape.type)}`] : [`${title}:`, table(shape.fields)];
}

function eventBlocks({ name, summary, payload, inbound }: EventEntry): string[] {
  const budget = inbound ? ` Budget: ${inbound.budget}${inbound.dropsSilently ? '; over it dropped without a word' : ''}.` : '';
  return [`#### ${code(name)}`, `${summary}${budget}`, ...shapeBlock('Payload', payload), ...shapeBlock('Acknowledgement', inbound?.ack)];
}

function routeBlocks(route: RouteEntry): string[] {
  const errors = route.errors.map((one) => `[${one}](errors.md#${anchor(one)})`).join(', ');
  return [
    `#### ${code(`${route.method} ${route.path}`)}`,
    `${route.summary} For: ${ACCESS[route.access]}. Budget: ${route.budget}.`,
    ...shapeBlock('Path', route.params),
    ...shapeBlock('Query', route.query),
    ...shapeBlock('Headers', route.headers),
    ...shapeBlock('Body', route.body),
    ...(route.answer ? shapeBlock(`Answer (${route.statuses.join(', or ')})`, route.answer) : [`Answer (${route.statuses.join()}): empty`]),
    `Errors: ${errors}`,
  ];
}

/** docs/protocol.md: every event with its payload and acknowledgement, every route, every object, every error code. */
export function protocolPage(): string {
  const { namespaces, routes, objects, errors } = reference();
  const blocks = [
    '# Protocol',
    GENERATED,
    'Every event, route and error code. A `?` marks a key that may be left out; of an answer, one that may be absent. `a[].b` is the key `b` of ' +
      'each item of the list `a`, `a.*.b` of each value of the map `a`. The same as machines read it: `GET /docs/openapi.json` and `GET /docs/asyncapi.json` of a running server.',
    ...namespaces.flatMap(({ name, description, refusal, receives, sends }) => [
      `## Namespace ${code(name)}`,
      description,
      ...(receives.length > 0 ? [`### ${code(name)}: client to server`] : []),
      ...receives.flatMap(eventBlocks),
      ...shapeBlock('A failed event is acknowledged with', refusal),
      `### ${code(name)}: server to client`,
      ...sends.flatMap(eventBlocks),
    ]),
    '## REST',
    ...routes.flatMap(({ tag, routes: tagged }) => [`### ${tag}`, ...tagged.flatMap(routeBlocks)]),
    '## Objects',
    ...objects.flatMap(({ name, description, shape }) => [
      `### ${name}`,
      ...(description ? [description] : []),
      ...(shape.fields.length > 0 ? [table(shape.fields)] : [`Type: ${typeText(shape.type)}`]),
    ]),
    '## Error codes',
    [
      '| code | HTTP status | meaning |',
      '| --- | --- | --- |',
      ...errors.map((error) => `| [${error.code}](errors.md#${anchor(error.code)}) | ${error.status} | ${cell(error.meaning)} |`),
    ].join('\n'),
  ];
  return `${blocks.join('\n\n')}\n`;
}

function errorBlocks({ code: name, status, texts, meaning, remedy }: ErrorEntry): string[] {
  return [
    `## ${name}`,
    `HTTP status ${status}.`,
    `What it means: ${meaning}`,
    `What to do: ${remedy}`,
    ['| language | message |', '| --- | --- |', ...Object.entries(texts).map(([locale, text]) => `| ${locale} | ${cell(text)} |`)].join(
      '\n',
    ),
  ];
}

/** docs/errors.md: what each error code means and what to do. */
export function errorsPage(): string {
  const blocks = [
    '# Errors',
    GENERATED,
    'On a socket an error is `{code, message, timestamp}`, with `event` (which inbound event failed) and `details` (which field, why) where they ' +
      'help: as the event `error`, and in the acknowledgement. Over REST it is a problem document (RFC 9457) with the same `code` and `details`. ' +
      '`code` is for programs and the same in every language; `message` is for people.',
    ...reference().errors.flatMap(errorBlocks),
  ];
  return `${blocks.join('\n\n')}\n`;
}

export const PAGES: Record<string, () => string> = { 'protocol.md': protocolPage, 'errors.md': errorsPage };
export const DOCS = new URL('../../../docs/', import.meta.url);

if (import.meta.main) for (const [name, page] of Object.entries(PAGES)) writeFileSync(new URL(name, DOCS), page());
