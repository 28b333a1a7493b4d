/** What each error code means and what a client does about it: the reference that documents and pages show. Contract §2. */
import type { ErrorCode } from './errors.ts';

interface ErrorEntry {
  meaning: string;
  remedy: string;
}

export const ERROR_REFERENCE: Readonly<Record<ErrorCode, ErrorEntry>> = {
  UNAUTHORIZED: {
    meaning: 'There is no token, or it is malformed, wrongly signed, expired, or of a user who does not exist or is disabled.',
    remedy:
      'Get a new token and connect again, or call auth:refresh with it. Do not retry with the same token: each refusal is answered later than the one before.',
  },
  FORBIDDEN: {
    meaning: 'The resource exists, and this user may not do this with it: not a member, or the role does not suffice.',
    remedy: 'Do not retry. Where the user was removed from a chat or lost a role, drop the resource from view.',
  },
  INVALID_DATA: {
    meaning:
      'The payload, query or cursor is not what the event or route takes. `details.field` names the field, `details.problem` says why.',
    remedy: 'Correct the field; the same payload will be refused again.',
  },
  RATE_LIMIT: {
    meaning:
      'The user is over a rate limit, or the address over that of failed sign-ins. Nothing was processed and the socket stays connected.',
    remedy: 'Wait for `details.retry_after_ms` (REST: the `Retry-After` header, in seconds), then send again.',
  },
  CHAT_NOT_FOUND: {
    meaning: 'No chat has this id, or the id does not have the form of one.',
    remedy: 'Do not retry. Reload the list of chats.',
  },
  MESSAGE_TOO_LARGE: {
    meaning: 'The content is over 4,096 characters, the metadata over 16 KiB, or the request body over its limit.',
    remedy: 'Shorten the message, or upload the content and send its URL.',
  },
  NOT_FOUND: {
    meaning: 'No resource of this kind has this id, or there is no such route.',
    remedy: 'Do not retry. Reload what refers to it.',
  },
  CONFLICT: {
    meaning:
      'The request contradicts what is stored: an id that is taken, a repeat with another content, a step that the state does not allow.',
    remedy:
      'Read the current state. A repeat must carry the same content; another content needs a new `client_message_id` or `Idempotency-Key`.',
  },
  UNKNOWN_EVENT: {
    meaning: 'The namespace has no inbound event of this name.',
    remedy: 'Correct the name, or connect to the namespace that has it.',
  },
  SOCKET_ERROR: {
    meaning: 'An unexpected fault of the server; its log has the details under the same time.',
    remedy: 'Retry once after a pause; a message with its `client_message_id` is not stored twice. Report it where it stays.',
  },
  UNAVAILABLE: {
    meaning: 'The store cannot take writes now. Whether the write was stored is not known.',
    remedy: 'Retry after a growing pause with the same `client_message_id` or `Idempotency-Key`: what was stored is not stored twice.',
  },
};
