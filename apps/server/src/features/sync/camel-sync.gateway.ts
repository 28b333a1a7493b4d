import { camelClientEvents, type PayloadOf, type SyncPage } from '@majlis/contract';
import { Failure } from '../../errors.ts';
import { errorBody } from '../../realtime/error-body.ts';
import { DEPTH_ON_ROOT, Gateway, On } from '../../realtime/gateway.ts';
import { Publisher } from '../../realtime/publisher.ts';
import type { Session } from '../../realtime/session.ts';
import { SyncService, type Receipts } from './sync.service.ts';

/** `sync` of the camelCase namespaces: the entries of their streams in the very payloads that they had live. */
@Gateway('/notifications', '/support', '/chat', '/projects', DEPTH_ON_ROOT)
export class CamelSyncGateway {
  constructor(
    private readonly syncing: SyncService,
    private readonly publisher: Publisher,
  ) {}

  @On(camelClientEvents.sync)
  async sync(session: Session, { cursors }: PayloadOf<typeof camelClientEvents.sync>) {
    const streams: Record<string, SyncPage | { error: ReturnType<typeof errorBody> }> = {};
    const answers = await this.syncing.sync(session.userId, cursors, {
      carries: (prefix) => session.carries(prefix),
      project: (entry) => this.publisher.projectFor(session, entry),
    });
    for (const [name, answer] of answers) {
      if (answer instanceof Failure) streams[name] = { error: errorBody(answer, session.locale, camelClientEvents.sync.name) };
      else streams[name] = { ...answer, receipts: camelReceipts(answer.receipts) };
    }
    return { streams };
  }
}

function camelReceipts(receipts: Receipts): SyncPage['receipts'] {
  if (!receipts) return null;
  return Object.fromEntries(
    Object.entries(receipts).map(([userId, { delivered_seq, read_seq }]) => [userId, { deliveredSeq: delivered_seq, readSeq: read_seq }]),
  );
}
