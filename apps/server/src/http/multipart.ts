/** Forms with a file, which goes to disk as it comes: however large it is, little of it is in memory. */
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy';
import type { FastifyRequest } from 'fastify';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Failure, invalid } from '../errors.ts';

export const MULTIPART = 'multipart/form-data';

/** What a form held. */
export interface ReceivedForm {
  /** The file's own name, without folders and control characters. */
  name: string | null;
  /** Bytes of the file. */
  size: number;
  /** The other fields. */
  fields: Record<string, string>;
}

/** What of a form is taken. */
export interface FormBounds {
  /** Of the file. */
  maxBytes: number;
  timeoutMs: number;
}

// The form around the file: boundaries, part headers, the other fields.
const AROUND_BYTES = 65_536;
const FIELDS = 10;
const FIELD_BYTES = 1_024;
const NAME_CHARACTERS = 255;

/**
 * Receives a form whose file is written to `path`, which must not exist. Where it fails, what was written stays for the caller to
 * delete, and the rest of the request is thrown away, so that its sender gets the answer.
 * @throws Failure INVALID_DATA, MESSAGE_TOO_LARGE
 */
export async function receiveForm({ body, headers }: FastifyRequest, path: string, bounds: FormBounds): Promise<ReceivedForm> {
  if (!(body instanceof Readable)) throw invalid('Content-Type', `must be ${MULTIPART}`);
  if (Number(headers['content-length']) > bounds.maxBytes + AROUND_BYTES) throw tooLarge(bounds.maxBytes);
  const parser = parserOf(headers, bounds.maxBytes);
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  const timer = setTimeout(() => fail(invalid('file', `did not arrive within ${bounds.timeoutMs / 1000} s`)), bounds.timeoutMs);
  const reading = readForm(parser, path, bounds.maxBytes, fail);
  body.on('error', () => fail(invalid('payload', 'ended before its last part')));
  body.pipe(parser);
  try {
    return await Promise.race([reading.form, failed]);
  } finally {
    clearTimeout(timer);
    body.unpipe(parser);
    body.resume();
    parser.destroy();
    await reading.closed();
  }
}

function parserOf(headers: FastifyRequest['headers'], maxBytes: number): BusboyInstance {
  try {
    return new Busboy({
      headers: { ...headers, 'content-type': headers['content-type'] ?? '' },
      limits: {
        fileSize: maxBytes,
        files: 2,
        fields: FIELDS,
        fieldSize: FIELD_BYTES,
        parts: FIELDS + 2,
        headerPairs: 32,
        headerSize: 8_192,
      },
    });
  } catch (error) {
    throw invalid('Content-Type', (error as Error).message);
  }
}

/** Reads what is written to `parser`. `closed` gives up on the file where it is not written yet, and resolves when nobody writes to it any more. */
function readForm(parser: BusboyInstance, path: string, maxBytes: number, fail: (error: unknown) => void) {
  const fields: Record<string, string> = {};
  let file: { name: string | null; stream: BusboyFileStream; written: Promise<number> } | undefined;
  parser.on('field', (name, value) => void (fields[name] = value));
  parser.on('file', (_field, stream, name) => {
    if (file) {
      stream.resume();
      return fail(invalid('file', 'must be one file'));
    }
    stream.once('limit', () => fail(tooLarge(maxBytes)));
    file = { name: cleanName(name), stream, written: writeOut(stream, path) };
    file.written.catch(fail);
  });
  const { promise: read, resolve, reject } = Promise.withResolvers<void>();
  parser.once('finish', resolve);
  parser.on('error', (error) => reject(invalid('payload', error instanceof Error ? error.message : 'is not a form')));
  return {
    form: read.then(async (): Promise<ReceivedForm> => {
      if (!file) throw invalid('file', 'must be a part of the form');
      return { name: file.name, size: await file.written, fields };
    }),
    async closed() {
      // With an error: a stream that has ended and not said so yet would go without a word, and its file would wait for more.
      file?.stream.destroy(new Error('given up'));
      await file?.written.catch(() => undefined);
    },
  };
}

async function writeOut(stream: Readable, path: string): Promise<number> {
  // On the disk before anybody is told that it is.
  const out = createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true });
  await pipeline(stream, out);
  return out.bytesWritten;
}

// oxlint-disable-next-line no-control-regex -- a name is shown to people and put into headers
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

function cleanName(name: string | undefined): string | null {
  // Its end, which tells its type.
  const clean = (name ?? '').replaceAll(CONTROL, '').trim().slice(-NAME_CHARACTERS).toWellFormed();
  return clean === '' ? null : clean;
}

const tooLarge = (maxBytes: number) =>
  new Failure('MESSAGE_TOO_LARGE', { field: 'file', problem: `is larger than ${maxBytes} bytes`, max_bytes: maxBytes });
