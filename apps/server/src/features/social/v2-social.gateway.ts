import { v2, type PayloadOf } from '@majlis/contract';
import { Gateway, On } from '../../realtime/gateway.ts';
import type { Session } from '../../realtime/session.ts';
import { PostsService } from './posts.service.ts';
import { SocialEmitter } from './social.emitter.ts';

const { postOpen, postClose } = v2.clientEvents;

/** Posts as the v2 document's clients have them open, on `/`. */
@Gateway('/')
export class V2SocialGateway {
  constructor(
    private readonly posts: PostsService,
    private readonly emitter: SocialEmitter,
  ) {}

  // Noted before anything that waits: a close that follows at once must not be overtaken by the opening.
  @On(postOpen)
  async open(session: Session, { post_id }: PayloadOf<typeof postOpen>) {
    this.emitter.open(session, post_id);
    await this.posts.authorOf(post_id).catch((error: unknown) => {
      this.emitter.close(session, post_id);
      throw error;
    });
    return { status: 'ok' as const };
  }

  @On(postClose)
  close(session: Session, { post_id }: PayloadOf<typeof postClose>) {
    this.emitter.close(session, post_id);
    return { status: 'ok' as const };
  }
}
