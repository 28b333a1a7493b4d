import { Controller } from '@nestjs/common';
import { v2, type AnswerOf, type InputOf } from '@majlis/contract';
import { z } from 'zod';
import { AnyCaller, type KnownCaller } from '../http/caller.ts';
import { cursorsOf } from '../http/cursor.ts';
import { Endpoint, Input } from '../http/endpoint.ts';
import { isoTime, isoTimeOrNull } from '../iso-time.ts';
import { ApiKeysService, type ApiKeyRecord } from './api-keys.service.ts';

const { apiKeyRoutes: routes } = v2;

const cursors = cursorsOf('api-keys', z.string());

const present = ({ id, name, createdBy, createdAt, revokedAt }: ApiKeyRecord): v2.ApiKey => ({
  id,
  name,
  created_by: createdBy,
  created_at: isoTime(createdAt),
  revoked_at: isoTimeOrNull(revokedAt),
});

/** Keys by REST `/api/v2`. */
@Controller()
export class ApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Endpoint(routes.create)
  async create(
    @AnyCaller() caller: KnownCaller,
    @Input() { body }: InputOf<typeof routes.create>,
  ): Promise<AnswerOf<typeof routes.create>> {
    const { key, ...made } = await this.keys.create(caller, body.name);
    return { ...present(made), key };
  }

  @Endpoint(routes.list)
  async list(@AnyCaller() caller: KnownCaller, @Input() { query }: InputOf<typeof routes.list>): Promise<AnswerOf<typeof routes.list>> {
    const { keys, end } = await this.keys.list(caller, cursors.decode(query.cursor), query.limit);
    return { data: keys.map(present), next_cursor: cursors.encode(end) };
  }

  @Endpoint(routes.revoke)
  async revoke(@AnyCaller() caller: KnownCaller, @Input() { params }: InputOf<typeof routes.revoke>): Promise<void> {
    await this.keys.revoke(caller, params.id);
  }
}
