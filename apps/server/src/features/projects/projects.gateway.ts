import { depth, type PayloadOf } from '@majlis/contract';
import { DEPTH_ON_ROOT, Gateway, On } from '../../realtime/gateway.ts';
import type { Session } from '../../realtime/session.ts';
import { toDepthComment, toDepthProject } from './depth-shapes.ts';
import { ProjectRooms } from './project-rooms.ts';
import { ProjectsService, type Actor } from './projects.service.ts';

const { projectClientEvents: events, projectServerEvents } = depth;

const actorOf = ({ userId, id }: Session): Actor => ({ userId, sessionId: id });

/** Projects, as the Depth document's client speaks. */
@Gateway('/projects', DEPTH_ON_ROOT)
export class ProjectsGateway {
  constructor(
    private readonly projects: ProjectsService,
    private readonly rooms: ProjectRooms,
  ) {}

  @On(events.join)
  async join(session: Session, { projectId }: PayloadOf<typeof events.join>) {
    await this.rooms.join(session, projectId);
    session.send(projectServerEvents.joined.name, { projectId });
    return { data: { projectId, userIds: this.rooms.usersIn(projectId) } };
  }

  @On(events.leave)
  async leave(session: Session, { projectId }: PayloadOf<typeof events.leave>) {
    await this.rooms.leave(session, projectId);
    return { data: { projectId } };
  }

  @On(events.statusUpdate)
  async statusUpdate(session: Session, { projectId, status }: PayloadOf<typeof events.statusUpdate>) {
    return { data: toDepthProject(await this.projects.setStatus(actorOf(session), projectId, status)) };
  }

  @On(events.progress)
  async progress(session: Session, { projectId, ...said }: PayloadOf<typeof events.progress>) {
    return { data: toDepthProject(await this.projects.setProgress(actorOf(session), projectId, said)) };
  }

  @On(events.comment)
  async comment(session: Session, { projectId, ...said }: PayloadOf<typeof events.comment>) {
    return { data: toDepthComment(await this.projects.comment(actorOf(session), projectId, said)) };
  }
}
