import { v2, type PayloadOf } from '@majlis/contract';
import { Failure } from '../../errors.ts';
import { errorBody } from '../../realtime/error-body.ts';
import { Gateway, On } from '../../realtime/gateway.ts';
import { Publisher } from '../../realtime/publisher.ts';
import type { Session } from '../../realtime/session.ts';
import { SyncService } from './sync.service.ts';

const { clientEvents } = v2;

/** `sync` of the v2 document's namespace: entries in the very payloads that they had live. */
@Gateway('/')
export class V2SyncGateway {
  constructor(
    private readonly syncing: SyncService,
    private readonly publisher: Publisher,
  ) {}

  @On(clientEvents.sync)
  async sync(session: Session, { cursors }: PayloadOf<typeof clientEvents.sync>) {
    const streams: Record<string, v2.StreamPage | { error: v2.ErrorBody }> = {};
    const answers = await this.syncing.sync(session.userId, cursors, {
      carries: (prefix) => session.carries(prefix),
      project: (entry) => this.publisher.projectFor(session, entry),
    });
    for (const [name, answer] of answers) {
      if (answer instanceof Failure) streams[name] = { error: errorBody(answer, session.locale, clientEvents.sync.name) };
      else
        streams[name] = {
          events: answer.events,
          version: answer.version,
          has_more: answer.hasMore,
          reset: answer.reset,
          receipts: answer.receipts,
        };
    }
    return { streams };
  }
}
