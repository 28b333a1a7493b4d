/** What somebody writes, with files: support messages and comments on projects. */
import { z } from 'zod';
import { LIMITS } from './limits.ts';
import { UnboundedHttpUrl, longerThan } from './values.ts';

/** A file that comes with a text: its URL, or an object with it; other keys are kept as they are. */
export const Attachment = z.union([UnboundedHttpUrl, z.looseObject({ url: UnboundedHttpUrl })]);
export type Attachment = z.output<typeof Attachment>;

/** The attachments of a text that is being written. */
export const AttachmentsDraft = z
  .array(Attachment)
  .max(LIMITS.attachments, { error: `must have at most ${LIMITS.attachments} attachments` })
  .default([]);

const tooLarge = (path: string, message: string) => ({
  code: 'custom' as const,
  path: [path],
  message,
  params: { code: 'MESSAGE_TOO_LARGE' },
});

/** Checks what was written under `field`: something, and not too much of it. For `superRefine`. */
export function checkWritten<Field extends string>(field: Field) {
  return (written: Record<Field, string> & { attachments: unknown[] }, context: z.RefinementCtx): void => {
    const { attachments } = written;
    if (written[field] === '' && attachments.length === 0)
      context.addIssue({ code: 'custom', path: [field], message: 'must not be empty' });
    if (longerThan(written[field], LIMITS.messageCharacters))
      context.addIssue(tooLarge(field, `must have at most ${LIMITS.messageCharacters} characters`));
    if (new TextEncoder().encode(JSON.stringify(attachments)).length > LIMITS.metadataBytes)
      context.addIssue(tooLarge('attachments', `must be at most ${LIMITS.metadataBytes} bytes of JSON`));
  };
}
