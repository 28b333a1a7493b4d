import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { AddressInfo } from 'node:net';
import { SETTINGS } from '../config/config.module.ts';
import type { Settings } from '../config/settings.ts';

/** Where clients reach the server: `PUBLIC_URL`, else the address that it listens on. */
@Injectable()
export class PublicUrl {
  readonly #settings: Settings;
  readonly #adapter: HttpAdapterHost;

  constructor(@Inject(SETTINGS) settings: Settings, adapter: HttpAdapterHost) {
    this.#settings = settings;
    this.#adapter = adapter;
  }

  /** The address that the server listens on, as shown to people, without a slash at the end. Only once it listens. */
  listening(): string {
    const { port } = this.#adapter.httpAdapter.getHttpServer().address() as AddressInfo;
    return `http://${shownHost(this.#settings.HOST)}:${port}`;
  }

  /** The absolute URL of a path that begins with a slash. */
  of(path: string): string {
    return (this.#settings.PUBLIC_URL ?? this.listening()) + path;
  }
}

function shownHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
