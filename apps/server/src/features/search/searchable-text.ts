import type { MessageType } from '../chats/message-record.ts';

type Metadata = Record<string, unknown>;

const nested = (value: unknown, key: string) => (typeof value === 'object' && value !== null ? (value as Metadata)[key] : undefined);

/** What people would look for in a message of each type; URLs and ids are not words. */
const SEARCHABLE: Readonly<Record<MessageType, (content: string, metadata: Metadata) => unknown[]>> = {
  text: (content, metadata) => [content, nested(metadata['file'], 'name')],
  file: (content, metadata) => [content, nested(metadata['file'], 'name') ?? metadata['name']],
  photo: () => [],
  video: () => [],
  voice: () => [],
  location: (_, metadata) => [metadata['address']],
  profile_share: (_, metadata) => [metadata['name']],
  post_share: (_, metadata) => [metadata['author_name']],
  booking_proposal: (content, metadata) => [content, metadata['service_name']],
};

/** The text under which a message is found; empty where there is none. */
export function searchableText(type: MessageType, content: string, metadata: Metadata): string {
  return SEARCHABLE[type](content, metadata)
    .filter((text) => typeof text === 'string')
    .join(' ');
}
