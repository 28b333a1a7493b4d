import { Controller, Req, Res } from '@nestjs/common';
import { v2, type InputOf } from '@majlis/contract';
import { create as contentDisposition } from 'content-disposition';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { selectionOf } from '../../http/byte-range.ts';
import { Caller, type UserCaller } from '../../http/caller.ts';
import { Endpoint, Input, readAs } from '../../http/endpoint.ts';
import { receiveForm } from '../../http/multipart.ts';
import { PublicUrl } from '../../http/public-url.ts';
import type { UploadRecord } from './upload-record.ts';
import { UploadsService } from './uploads.service.ts';
import { toV2Upload } from './v2-shapes.ts';

const { uploadRoutes } = v2;

/** Uploads by REST `/api/v2`. */
@Controller()
export class UploadsController {
  constructor(
    private readonly uploads: UploadsService,
    private readonly publicUrl: PublicUrl,
  ) {}

  @Endpoint(uploadRoutes.create)
  async create(@Caller() { userId, kind }: UserCaller, @Req() request: FastifyRequest) {
    const upload = await this.uploads.store({ userId, isUnlimited: kind === 'key' }, async (path, bounds) => {
      const { name, size, fields } = await receiveForm(request, path, bounds);
      return { name, size, kind: readAs(v2.UploadFields, fields).kind };
    });
    return toV2Upload(upload, (key) => this.publicUrl.of(uploadRoutes.get.path.replace(':key', key)));
  }

  @Endpoint(uploadRoutes.get)
  async get(
    @Input() { params }: InputOf<typeof uploadRoutes.get>,
    @Req() { method, headers }: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const upload = await this.uploads.get(params.key);
    // A key's content never changes.
    const etag = `"${upload.key}"`;
    const selection = selectionOf(headers, etag, upload.size);
    const range = selection.status === 206 ? selection : undefined;
    const hasContent = range !== undefined || selection.status === 200;
    // With a body that is empty, though not none, HEAD keeps its length.
    const open = () => (method === 'HEAD' ? Readable.from([]) : this.uploads.read(upload, range));
    const content = hasContent ? await open() : undefined;
    reply.status(selection.status).headers({ ...safeHeaders(upload), ETag: etag, 'Accept-Ranges': 'bytes' });
    if (hasContent) reply.header('Content-Length', range ? range.end - range.start + 1 : upload.size);
    if (range) reply.header('Content-Range', `bytes ${range.start}-${range.end}/${upload.size}`);
    if (selection.status === 416) reply.header('Content-Range', `bytes */${upload.size}`);
    await reply.send(content);
  }
}

/**
 * Whatever strangers uploaded, a browser shows it as the type that it was found to be or not at all, runs nothing of it, and keeps it,
 * for its own user only: a cache that is shared would outlive an erasure.
 */
function safeHeaders({ kind, contentType, name }: UploadRecord): Record<string, string> {
  return {
    'Content-Type': contentType,
    'Content-Disposition': contentDisposition(name ?? undefined, { type: kind === 'file' ? 'attachment' : 'inline' }),
    'Content-Security-Policy': "default-src 'none'; sandbox",
    'X-Content-Type-Options': 'nosniff',
    // Pages of the customer's own sites show them.
    'Cross-Origin-Resource-Policy': 'cross-origin',
    'Cache-Control': 'private, max-age=31536000, immutable',
  };
}
