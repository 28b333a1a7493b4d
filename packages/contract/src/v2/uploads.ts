/** Uploads: contract §8. What is uploaded here is shown by URL on every surface. */
import { z } from 'zod';
import { route } from '../declare.ts';
import { Count, Reference, Time } from '../values.ts';

export const UPLOAD_KINDS = ['photo', 'video', 'voice', 'file'] as const;
/** What an upload is for. A photo is an image that could be decoded; whatever is none of the others is a file, and only ever downloaded. */
export type UploadKind = (typeof UPLOAD_KINDS)[number];

export const Upload = z
  .object({
    key: z.string().meta({ description: '128 random bits: whoever knows it may read the upload.' }),
    url: z.string().meta({ format: 'uri', description: 'Absolute: the `content` of a photo, video or voice message.' }),
    kind: z.enum(UPLOAD_KINDS),
    content_type: z.string().meta({ description: 'As the content says, whatever the client called it.' }),
    size: Count.meta({ description: 'Bytes.' }),
    name: z.string().nullable().meta({ description: "The file's own name." }),
    width: Count.nullable().meta({
      description: 'Of a photo, in pixels, upright. With height and thumbnail it is the metadata of a photo message.',
    }),
    height: Count.nullable(),
    thumbnail: z.string().nullable().meta({ format: 'uri', description: 'Of a photo: at most 320 by 320 pixels, WebP, without metadata.' }),
    created_at: Time,
  })
  .meta({ id: 'Upload' });
export type Upload = z.output<typeof Upload>;

/** What the form may say beside the file. */
export const UploadFields = z.object({
  kind: z.enum(UPLOAD_KINDS).optional().meta({
    description: 'Refuses what is not of this kind; without it the content decides. `voice` takes the sound of a video container too.',
  }),
});

export const uploadRoutes = {
  create: route({
    method: 'POST',
    path: '/api/v2/uploads',
    summary: 'Uploads one file. It can be read at once, until its uploader is erased.',
    tag: 'Uploads',
    access: 'user',
    budget: 'write',
    bodyType: 'multipart/form-data',
    body: UploadFields.extend({ file: z.file() }),
    answer: Upload,
    status: 201,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'MESSAGE_TOO_LARGE', 'RATE_LIMIT'],
  }),
  get: route({
    method: 'GET',
    path: '/api/v2/uploads/:key',
    summary: 'The content, or the one range of it that is asked for; files as a download.',
    tag: 'Uploads',
    access: 'public',
    budget: 'light',
    params: z.object({ key: Reference }),
    answer: z.file(),
    answerType: '*/*',
    status: 200,
    errors: ['NOT_FOUND'],
  }),
} as const;
