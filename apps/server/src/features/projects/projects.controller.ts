import { Controller, Res } from '@nestjs/common';
import { v2, type InputOf } from '@majlis/contract';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Caller, type UserCaller } from '../../http/caller.ts';
import { cursorsOf } from '../../http/cursor.ts';
import { Endpoint, Input } from '../../http/endpoint.ts';
import { ProjectsService } from './projects.service.ts';
import { toV2Activity, toV2Comment, toV2Project } from './v2-shapes.ts';

const { projectRoutes: routes } = v2;

const projectCursors = cursorsOf('projects', z.object({ updatedAt: z.number(), id: z.string() }));
const activityCursors = cursorsOf('project-activity', z.number());

/** Projects by REST `/api/v2`. */
@Controller()
export class ProjectsController {
  constructor(private readonly projects: ProjectsService) {}

  @Endpoint(routes.create)
  async create(@Caller() caller: UserCaller, @Input() { body }: InputOf<typeof routes.create>) {
    return toV2Project(await this.projects.create(caller, body));
  }

  @Endpoint(routes.list)
  async list(@Caller() { userId }: UserCaller, @Input() { query }: InputOf<typeof routes.list>) {
    const { projects, end } = await this.projects.list(userId, projectCursors.decode(query.cursor), query.limit);
    return { data: projects.map(toV2Project), next_cursor: projectCursors.encode(end) };
  }

  @Endpoint(routes.get)
  async get(@Caller() caller: UserCaller, @Input() { params }: InputOf<typeof routes.get>) {
    return toV2Project(await this.projects.get(caller, params.id));
  }

  @Endpoint(routes.addMembers)
  async addMembers(
    @Caller() caller: UserCaller,
    @Input() { params, body }: InputOf<typeof routes.addMembers>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { project, added } = await this.projects.addMembers(caller, params.id, body.user_ids);
    if (!added) reply.status(200);
    return toV2Project(project);
  }

  @Endpoint(routes.removeMembers)
  async removeMembers(@Caller() caller: UserCaller, @Input() { params, body }: InputOf<typeof routes.removeMembers>): Promise<void> {
    await this.projects.removeMembers(caller, params.id, body.user_ids);
  }

  @Endpoint(routes.removeMember)
  async removeMember(@Caller() caller: UserCaller, @Input() { params }: InputOf<typeof routes.removeMember>): Promise<void> {
    await this.projects.removeMembers(caller, params.id, [params.user_id]);
  }

  @Endpoint(routes.activity)
  async activity(@Caller() caller: UserCaller, @Input() { params, query }: InputOf<typeof routes.activity>) {
    const page = { beforeVersion: activityCursors.decode(query.cursor), limit: query.limit };
    const { changes, end } = await this.projects.activity(caller, params.id, page);
    return { data: changes.map(toV2Activity), next_cursor: activityCursors.encode(end) };
  }

  @Endpoint(routes.status)
  async status(@Caller() caller: UserCaller, @Input() { params, body }: InputOf<typeof routes.status>) {
    return toV2Project(await this.projects.setStatus(caller, params.id, body.status));
  }

  @Endpoint(routes.progress)
  async progress(@Caller() caller: UserCaller, @Input() { params, body }: InputOf<typeof routes.progress>) {
    return toV2Project(await this.projects.setProgress(caller, params.id, body));
  }

  @Endpoint(routes.comment)
  async comment(@Caller() caller: UserCaller, @Input() { params, body }: InputOf<typeof routes.comment>) {
    return toV2Comment(await this.projects.comment(caller, params.id, body));
  }
}
