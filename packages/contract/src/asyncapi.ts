/** The AsyncAPI 3.0 document of every declared namespace, from the server's point of view: it receives what clients emit. */
import { z } from 'zod';
import type { ClientEvent, Namespace, ServerEvent } from './declare.ts';
import { schemaCollector, type JsonSchema, type SchemaCollector } from './json-schema.ts';
import { CONTRACT_VERSION, namespaces } from './surfaces.ts';
import { ErrorBody } from './v2/events.ts';

type Json = Record<string, unknown>;

export interface AsyncApiDocument extends Json {
  asyncapi: '3.0.0';
  channels: Record<string, Json & { messages: Record<string, Json> }>;
  operations: Record<string, Json>;
  components: { schemas: Record<string, JsonSchema> } & Json;
}

/** How an acknowledgement tells a failure on the namespaces whose clients expect `{error}` alone; elsewhere it has a status too. */
const BARE_REFUSALS: ReadonlySet<string> = new Set(['/chat', '/projects', '/admin']);

/** What the acknowledgement of a failed event looks like on a namespace. Contract §2. */
export function refusalOf(namespace: string): z.ZodType {
  return BARE_REFUSALS.has(namespace) ? z.object({ error: ErrorBody }) : z.object({ status: z.literal('error'), error: ErrorBody });
}

const keyOf = (name: string) => (name === '/' ? 'root' : name.replace(/\W+/g, '_').replace(/^_/, ''));

/** Of a channel; a namespace that several documents share is a channel for each. */
export const channelKey = ({ name, dialect = '' }: Namespace) => [name, dialect].filter(Boolean).map(keyOf).join('_');

/** @param options.serverUrl where the server is reached (http or https) */
export function asyncApiDocument(options: { serverUrl?: string } = {}): AsyncApiDocument {
  const url = new URL(options.serverUrl ?? 'http://127.0.0.1:3000');
  const schemas = schemaCollector('draft-7');
  const channels: AsyncApiDocument['channels'] = {};
  const operations: Record<string, Json> = {};
  for (const namespace of namespaces) {
    const channel = channelKey(namespace);
    channels[channel] = channelObject(namespace, schemas);
    for (const event of Object.values(namespace.receives))
      operations[`${channel}_receive_${keyOf(event.name)}`] = receiveOperation(channel, event, hasReplies(namespace));
    for (const event of Object.values(namespace.sends)) operations[`${channel}_send_${keyOf(event.name)}`] = sendOperation(channel, event);
  }

  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Majlis',
      version: CONTRACT_VERSION,
      description:
        'Events of Majlis. A channel is a Socket.IO namespace (protocol 5, Engine.IO 4); a message is an event with one argument, the payload. ' +
        'A reply is the acknowledgement of the event, with one argument too; a client that gives no callback gets none, and a failure as event `error`. ' +
        'Channels on the server `websocket` are raw WebSockets instead: a message is a whole text frame, and there are no replies.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    servers: {
      socketio: {
        host: url.host,
        protocol: url.protocol === 'https:' ? 'wss' : 'ws',
        pathname: '/socket.io/',
        description: 'Socket.IO over WebSocket, or over HTTP polling.',
        security: [{ $ref: '#/components/securitySchemes/token' }],
      },
      websocket: {
        host: url.host,
        protocol: url.protocol === 'https:' ? 'wss' : 'ws',
        description: 'Raw WebSockets; the address of a channel is its path.',
        security: [{ $ref: '#/components/securitySchemes/token' }],
      },
    },
    channels,
    operations,
    components: {
      schemas: schemas.components,
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description:
            'Given as `auth.token` (Socket.IO) or the query parameter `token` (raw WebSocket), or as the header `Authorization`.',
        },
      },
    },
  };
}

const hasReplies = ({ protocol }: Namespace) => protocol !== 'websocket';

function channelObject(namespace: Namespace, schemas: SchemaCollector): AsyncApiDocument['channels'][string] {
  const { name, dialect, description, receives, sends } = namespace;
  const replies = hasReplies(namespace);
  const messages: Record<string, Json> = {};
  const payloadOf = (event: ClientEvent | ServerEvent) => (replies ? event.payload : frameOf(event));
  if (replies)
    messages['refusal'] = {
      name: 'acknowledgement',
      title: 'Acknowledgement of a failed event',
      payload: schemas.schemaOf(refusalOf(name), 'output'),
    };
  for (const event of Object.values(receives)) {
    messages[`receive_${keyOf(event.name)}`] = messageObject(event, schemas.schemaOf(payloadOf(event), 'input'));
    if (replies) {
      messages[`reply_${keyOf(event.name)}`] = {
        name: 'acknowledgement',
        title: `Acknowledgement of ${event.name}`,
        payload: schemas.schemaOf(event.ack, 'output'),
      };
    }
  }
  for (const event of Object.values(sends))
    messages[`send_${keyOf(event.name)}`] = messageObject(event, schemas.schemaOf(payloadOf(event), 'output'));

  return {
    address: name,
    title: replies ? `Namespace ${name}${dialect === undefined ? '' : `, ${dialect}`}` : `WebSocket ${name}`,
    description,
    servers: [{ $ref: replies ? '#/servers/socketio' : '#/servers/websocket' }],
    messages,
    bindings: { ws: { method: 'GET', query: replies ? ENGINE_QUERY : RAW_QUERY, bindingVersion: '0.1.0' } },
  };
}

const ENGINE_QUERY = {
  type: 'object',
  properties: { EIO: { type: 'string', const: '4' }, transport: { type: 'string', enum: ['websocket', 'polling'] } },
  required: ['EIO', 'transport'],
};
const RAW_QUERY = {
  type: 'object',
  properties: { token: { type: 'string' }, since: { type: 'string' }, since_version: { type: 'string' } },
};

/** What stands in the text frame of a raw WebSocket's event. */
function frameOf({ name, payload, ...event }: ClientEvent | ServerEvent): z.ZodType {
  const version = 'versioned' in event ? { version: z.int().min(1) } : {};
  return z.object({ event: z.literal(name), ...version, data: payload });
}

function messageObject({ name, summary }: { name: string; summary: string }, payload: JsonSchema): Json {
  return { name, title: name, summary, payload };
}

const messageRef = (channel: string, message: string) => ({ $ref: `#/channels/${channel}/messages/${message}` });

function receiveOperation(channel: string, event: ClientEvent, replies: boolean): Json {
  const silent = event.dropsSilently ? ' Over it, the event is dropped without a word.' : '';
  return {
    action: 'receive',
    channel: { $ref: `#/channels/${channel}` },
    title: event.name,
    summary: event.summary,
    description: `Counts against the ${event.budget} budget.${silent}`,
    messages: [messageRef(channel, `receive_${keyOf(event.name)}`)],
    ...(replies && {
      reply: {
        channel: { $ref: `#/channels/${channel}` },
        messages: [messageRef(channel, `reply_${keyOf(event.name)}`), messageRef(channel, 'refusal')],
      },
    }),
  };
}

function sendOperation(channel: string, event: ServerEvent): Json {
  return {
    action: 'send',
    channel: { $ref: `#/channels/${channel}` },
    title: event.name,
    summary: event.summary,
    messages: [messageRef(channel, `send_${keyOf(event.name)}`)],
  };
}
