import { v2, type PayloadOf } from '@majlis/contract';
import { Gateway, On } from '../../realtime/gateway.ts';
import type { Session } from '../../realtime/session.ts';
import { SocialEmitter } from './social.emitter.ts';

const { postOpen, postClose } = v2.clientEvents;

/** Posts as the v2 document's clients have them open, on `/`. */
@Gateway('/')
export class V2SocialGateway {
  constructor(private readonly emitter: SocialEmitter) {}

  @On(postOpen)
  async open(session: Session, { post_id }: PayloadOf<typeof postOpen>) {
    await this.emitter.open(session, post_id);
    return { status: 'ok' as const };
  }

  @On(postClose)
  close(session: Session, { post_id }: PayloadOf<typeof postClose>) {
    this.emitter.close(session, post_id);
    return { status: 'ok' as const };
  }
}
