import { Module, type OnModuleInit } from '@nestjs/common';
import { UsersService } from '../users/users.service.ts';
import { ProjectRooms } from './project-rooms.ts';
import { ProjectsController } from './projects.controller.ts';
import { ProjectsEmitter } from './projects.emitter.ts';
import { ProjectsGateway } from './projects.gateway.ts';
import { ProjectsService } from './projects.service.ts';

@Module({
  providers: [ProjectsService, ProjectRooms, ProjectsEmitter, ProjectsGateway],
  controllers: [ProjectsController],
  exports: [ProjectsService],
})
export class ProjectsModule implements OnModuleInit {
  constructor(
    private readonly users: UsersService,
    private readonly projects: ProjectsService,
  ) {}

  onModuleInit(): void {
    this.users.registerEraser((userId) => this.projects.erase(userId));
    this.users.registerPart({ table: 'project_members', person: 'user_id', order: ['project_id'] });
    this.users.registerPart({ table: 'project_changes', person: 'user_id', order: ['id'], json: ['attachments', 'member_ids'] });
  }
}
