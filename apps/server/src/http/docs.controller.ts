import { Controller, Get, Header, Headers, Inject, Res } from '@nestjs/common';
import { asyncApiDocument, openApiDocument, reference } from '@majlis/contract/documents';
import type { FastifyReply } from 'fastify';
import { SETTINGS } from '../config/config.module.ts';
import type { Settings } from '../config/settings.ts';
import { PAGE_SCRIPT, PAGE_STYLE, docsPage, type PageName } from './docs.page.ts';

const JSON_TYPE = 'application/json; charset=utf-8';
const HTML_TYPE = 'text/html; charset=utf-8';

/** Computes a text at its first use; nothing that it is made of changes while the process runs. */
function once(make: () => string): () => string {
  let made: string | undefined;
  return () => (made ??= make());
}

/**
 * The documentation: contract §9. One address gives the page to browsers, which ask for HTML, and the document to programs, which
 * do not; the documents have addresses of their own too.
 */
@Controller('/docs')
export class DocsController {
  readonly #openApi: () => string;
  readonly #asyncApi: () => string;
  readonly #errors = once(() => JSON.stringify(reference().errors));
  readonly #pages: Record<PageName, () => string>;

  constructor(@Inject(SETTINGS) { PUBLIC_URL, HOST, PORT }: Settings) {
    const serverUrl = PUBLIC_URL ?? `http://${HOST.includes(':') ? `[${HOST}]` : HOST}:${PORT}`;
    this.#openApi = once(() => JSON.stringify(openApiDocument({ serverUrl: PUBLIC_URL })));
    this.#asyncApi = once(() => JSON.stringify(asyncApiDocument({ serverUrl })));
    const page = (name: PageName) => once(() => docsPage(name, reference()));
    this.#pages = { rest: page('rest'), events: page('events'), errors: page('errors') };
  }

  @Get()
  rest(@Headers('accept') accept: string | undefined, @Res({ passthrough: true }) reply: FastifyReply): string {
    return negotiated(reply, accept, this.#pages.rest, this.#openApi);
  }

  @Get('events')
  events(@Headers('accept') accept: string | undefined, @Res({ passthrough: true }) reply: FastifyReply): string {
    return negotiated(reply, accept, this.#pages.events, this.#asyncApi);
  }

  /** Where the `type` of every problem document leads. */
  @Get('errors')
  errors(@Headers('accept') accept: string | undefined, @Res({ passthrough: true }) reply: FastifyReply): string {
    return negotiated(reply, accept, this.#pages.errors, this.#errors);
  }

  @Get('openapi.json')
  @Header('Content-Type', JSON_TYPE)
  openApi(): string {
    return this.#openApi();
  }

  @Get('asyncapi.json')
  @Header('Content-Type', JSON_TYPE)
  asyncApi(): string {
    return this.#asyncApi();
  }

  @Get('page.js')
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  script(): string {
    return PAGE_SCRIPT;
  }

  @Get('page.css')
  @Header('Content-Type', 'text/css; charset=utf-8')
  style(): string {
    return PAGE_STYLE;
  }
}

function negotiated(reply: FastifyReply, accept: string | undefined, page: () => string, document: () => string): string {
  reply.header('Vary', 'Accept');
  const wantsPage = /\btext\/html\b/i.test(accept ?? '');
  reply.type(wantsPage ? HTML_TYPE : JSON_TYPE);
  return wantsPage ? page() : document();
}
