/** Messages and conversations in camelCase, as the Depth document shows them: contract §5. Keys are always present, `null` where there is nothing. */
import { z } from 'zod';
import { Version } from '../camel.ts';
import { Count, FreeObject, Time, UserId, Uuid } from '../values.ts';

export const DEPTH_MESSAGE_TYPES = ['text', 'image', 'file'] as const;
export type DepthMessageType = (typeof DEPTH_MESSAGE_TYPES)[number];

export const DepthReaction = z
  .object({ emoji: z.string(), count: Count, userIds: z.array(UserId).meta({ description: 'The first 20 who reacted so.' }) })
  .meta({ id: 'DepthReaction' });

export const DepthMessage = z
  .object({
    id: Uuid,
    chatId: Uuid.meta({ description: 'The same as conversationId.' }),
    conversationId: Uuid,
    seq: z.int().min(1).meta({ description: '1, 2, 3 … in each conversation, without gaps.' }),
    version: Version.meta({ description: "The version of the conversation's stream at this message's latest change." }),
    senderId: UserId,
    senderName: z.string(),
    senderAvatar: z.string().nullable(),
    type: z.enum(DEPTH_MESSAGE_TYPES).meta({
      description: 'A photo of v2 is an image, its video and voice are files, the rest is text.',
    }),
    content: z.string(),
    metadata: FreeObject.meta({ description: "As the sender gave it; its keys are the sender's own." }),
    clientMessageId: z.string().nullable(),
    replyTo: Uuid.nullable(),
    reactions: z.array(DepthReaction),
    createdAt: Time,
    editedAt: Time.nullable(),
    deletedAt: Time.nullable(),
    status: z.enum(['sent', 'delivered', 'read']),
  })
  .meta({ id: 'DepthMessage' });
export type DepthMessage = z.output<typeof DepthMessage>;

export const Conversation = z
  .object({
    id: Uuid,
    chatId: Uuid.meta({ description: 'The same as conversationId.' }),
    conversationId: Uuid,
    type: z.enum(['direct', 'group']),
    title: z.string().nullable(),
    createdBy: UserId,
    createdAt: Time,
    memberCount: Count,
    members: z
      .array(z.object({ userId: UserId, name: z.string(), avatar: z.string().nullable(), joinedAt: Time }))
      .meta({ description: 'The first 20.' }),
    lastSeq: Count,
    version: Version.meta({ description: 'The version of the stream that carried the event.' }),
  })
  .meta({ id: 'Conversation' });
export type Conversation = z.output<typeof Conversation>;
