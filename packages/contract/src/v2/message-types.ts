/** The eight message types of the Service Platform v2 document and what each accepts: contract §4 "Types". */
import { z } from 'zod';
import { LIMITS } from '../limits.ts';
import { FreeObject, Reference, UnboundedHttpUrl, UserId, longerThan, text } from '../values.ts';

const Amount = z.number().min(0);
const Latitude = z.number().min(-90).max(90);
const Longitude = z.number().min(-180).max(180);
const Id = UserId;

interface MessageType {
  /** What `content` must be; its length is checked before. */
  content: z.ZodType<string>;
  /** Keys that must be of their kind where present; others are kept as they are. */
  metadata: z.ZodType<Record<string, unknown>>;
}

const Text = z.string().min(1, { error: 'must not be empty' });
const COORDINATES = /^(-?\d{1,3}(?:\.\d+)?),\s*(-?\d{1,3}(?:\.\d+)?)$/;

/** Reads the `"lat,lng"` of a location message; undefined where it is none or out of range. */
export function parseCoordinates(content: string): { lat: number; lng: number } | undefined {
  const found = COORDINATES.exec(content);
  if (!found) return undefined;
  const lat = Number(found[1]);
  const lng = Number(found[2]);
  return Latitude.safeParse(lat).success && Longitude.safeParse(lng).success ? { lat, lng } : undefined;
}

export const MESSAGE_TYPES = {
  text: { content: Text, metadata: FreeObject },
  photo: { content: UnboundedHttpUrl, metadata: z.looseObject({ width: Amount, height: Amount, thumbnail: UnboundedHttpUrl }).partial() },
  video: { content: UnboundedHttpUrl, metadata: z.looseObject({ duration: Amount, thumbnail: UnboundedHttpUrl }).partial() },
  voice: { content: UnboundedHttpUrl, metadata: z.looseObject({ duration: Amount }).partial() },
  location: {
    content: z.string().refine((content) => parseCoordinates(content) !== undefined, { error: 'must be "lat,lng" in range' }),
    metadata: z.looseObject({ lat: Latitude, lng: Longitude, address: z.string() }).partial(),
  },
  profile_share: { content: UserId, metadata: z.looseObject({ name: z.string(), avatar: z.string(), is_master: z.boolean() }).partial() },
  post_share: { content: Id, metadata: z.looseObject({ author_name: z.string(), media_url: UnboundedHttpUrl }).partial() },
  booking_proposal: {
    content: Text,
    metadata: z.looseObject({ service_id: Id, service_name: z.string(), price: Amount, duration: Amount }).partial(),
  },
} as const satisfies Record<string, MessageType>;

export type MessageTypeName = keyof typeof MESSAGE_TYPES;
export const MessageTypeName = z.enum(Object.keys(MESSAGE_TYPES) as [MessageTypeName, ...MessageTypeName[]]);

/** An issue that is answered with `MESSAGE_TOO_LARGE` instead of `INVALID_DATA`. */
const tooLarge = (path: string, message: string) => ({
  code: 'custom' as const,
  path: [path],
  message,
  params: { code: 'MESSAGE_TOO_LARGE' },
});

/** The new text of an edited message. */
export const EditedText = z
  .string()
  .min(1, { error: 'must not be empty' })
  .superRefine((content, context) => {
    if (longerThan(content, LIMITS.messageCharacters)) {
      context.addIssue({
        code: 'custom',
        message: `must have at most ${LIMITS.messageCharacters} characters`,
        params: { code: 'MESSAGE_TOO_LARGE' },
      });
    }
  });

const draftFields = {
  type: MessageTypeName,
  content: z.string(),
  metadata: FreeObject.optional(),
  client_message_id: text(1, LIMITS.clientMessageIdCharacters).nullish(),
  reply_to: Reference.nullish(),
};

interface Draft {
  type: MessageTypeName;
  content: string;
  metadata?: Record<string, unknown> | undefined;
}

/** Finds what is wrong with a message whose fields are each of their kind. */
export function checkMessage(draft: Draft, context: z.RefinementCtx): void {
  if (longerThan(draft.content, LIMITS.messageCharacters)) {
    context.addIssue(tooLarge('content', `must have at most ${LIMITS.messageCharacters} characters`));
    return;
  }
  if (draft.metadata && new TextEncoder().encode(JSON.stringify(draft.metadata)).length > LIMITS.metadataBytes) {
    context.addIssue(tooLarge('metadata', `must be at most ${LIMITS.metadataBytes} bytes of JSON`));
    return;
  }
  const rules: MessageType = MESSAGE_TYPES[draft.type];
  for (const issue of rules.content.safeParse(draft.content).error?.issues ?? []) {
    context.addIssue({ code: 'custom', path: ['content'], message: issue.message });
  }
  if (!draft.metadata || rules.metadata === FreeObject) return;
  for (const issue of rules.metadata.safeParse(draft.metadata).error?.issues ?? []) {
    context.addIssue({ code: 'custom', path: ['metadata', ...issue.path], message: issue.message });
  }
}

/** The body of a message as a client may send it by REST. */
export const MessageDraft = z.object(draftFields).superRefine(checkMessage);

/** The same on a socket, where the chat is named beside it. One object and not an intersection of two: this is the hottest of all events. */
export const MessageSend = z.object({ chat_id: Reference, ...draftFields }).superRefine(checkMessage);

export type MessageDraft = z.output<typeof MessageDraft>;
