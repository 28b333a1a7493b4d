import specifications from '@asyncapi/specs';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { asyncApiDocument, channelKey } from '../src/asyncapi.ts';
import { namespaces } from '../src/surfaces.ts';
import * as v2 from '../src/v2/index.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- a document is looked into at many places
type Json = Record<string, any>;
const document = asyncApiDocument();
const specification: Json = specifications.schemasWithoutId['3.0.0'];

const at = (reference: string): Json => {
  const found = reference
    .slice(2)
    .split('/')
    .reduce((value: Json | undefined, key) => value?.[key] as Json | undefined, document);
  if (found === undefined) throw new Error(`${reference} leads nowhere`);
  return found;
};

function validatorOf(schema: Json) {
  const ajv = new Ajv({ strict: false });
  addFormats.default(ajv);
  ajv.addSchema({ ...document, $id: 'majlis:asyncapi' });
  return ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"majlis:asyncapi#/')));
}

const operationsOf = (channel: string, action: string) =>
  Object.values<Json>(document.operations).filter(
    (operation) => operation.action === action && operation.channel.$ref === `#/channels/${channel}`,
  );

describe('the AsyncAPI document', () => {
  it('is valid AsyncAPI 3.0', () => {
    const ajv = new Ajv({ strict: false, allErrors: true });
    addFormats.default(ajv);
    const valid = ajv.compile(specification);
    expect(valid(document), JSON.stringify(valid.errors?.slice(0, 5))).toBe(true);
    expect(valid({ ...document, channels: { root: { address: 1 } } })).toBe(false);
  });

  it('has no dangling reference', () => {
    JSON.stringify(document, (key, value) => (key === '$ref' ? at(value) && value : value));
  });

  it.each(namespaces.map((namespace) => [channelKey(namespace), namespace] as const))(
    '%s: every event is there, each with its schema',
    (channel, namespace) => {
      const { address, messages } = document.channels[channel]!;
      expect(address).toBe(namespace.name);
      const names = (action: string) => operationsOf(channel, action).map(({ messages: [message] }) => at(message.$ref).name);
      expect(names('receive').toSorted()).toEqual(
        Object.values(namespace.receives)
          .map((event) => event.name)
          .toSorted(),
      );
      expect(names('send').toSorted()).toEqual(
        Object.values(namespace.sends)
          .map((event) => event.name)
          .toSorted(),
      );
      for (const { payload } of Object.values<Json>(messages)) validatorOf(payload);
    },
  );

  it('"No inbound event with a callback is ever left unanswered": each has its acknowledgement or a refusal as reply', () => {
    for (const operation of operationsOf('root', 'receive')) expect(operation.reply.messages).toHaveLength(2);
    const { reply } = document.operations['root_receive_chat_message_send'] as Json;
    const [sent, refused] = reply.messages.map(({ $ref }: Json) => validatorOf(at($ref).payload));
    expect(sent({ status: 'sent', message_id: crypto.randomUUID(), created_at: '2026-01-01T00:00:00.000Z', seq: 1 })).toBe(true);
    expect(sent({ status: 'sent' })).toBe(false);
    expect(
      refused({ status: 'error', error: { code: 'FORBIDDEN', message: 'Access denied', timestamp: '2026-01-01T00:00:00.000Z' } }),
    ).toBe(true);
    expect(refused({ status: 'error', error: { code: 'OTHER' } })).toBe(false);
  });

  it('describes payloads as the server checks them', () => {
    const accepts = validatorOf(document.channels['root']!.messages['receive_chat_typing']!.payload as Json);
    for (const payload of [{ chat_id: 'c', is_typing: true }, { chat_id: 'c' }, {}, { chat_id: 1, is_typing: true }])
      expect(accepts(payload), JSON.stringify(payload)).toBe(v2.clientEvents.typing.payload.safeParse(payload).success);
  });

  it('names the server that it is asked to name', () => {
    expect(asyncApiDocument({ serverUrl: 'https://chat.example' }).servers).toMatchObject({
      socketio: { host: 'chat.example', protocol: 'wss' },
    });
  });
});
