/** Projects in v2's shapes: snake_case, ISO times, every key present. Pure. */
import type { v2 } from '@majlis/contract';
import { isoTime } from '../../iso-time.ts';
import type { CommentRecord, ProjectRecord } from './project-record.ts';
import type { ChangeRow } from './projects.repository.ts';

export function toV2Project(project: ProjectRecord): v2.Project {
  return {
    id: project.id,
    name: project.name,
    status: project.status,
    progress: project.progress,
    milestone: project.milestone,
    members: project.members.map(({ userId, name, avatar, joinedAt }) => ({
      user_id: userId,
      name,
      avatar,
      joined_at: isoTime(joinedAt),
    })),
    created_by: project.createdBy,
    created_at: isoTime(project.createdAt),
    updated_at: isoTime(project.updatedAt),
    version: project.version,
  };
}

export function toV2Comment(comment: CommentRecord): v2.ProjectComment {
  return {
    id: comment.id,
    project_id: comment.projectId,
    user_id: comment.userId,
    user_name: comment.userName,
    comment: comment.comment,
    attachments: comment.attachments,
    created_at: isoTime(comment.createdAt),
    version: comment.version,
  };
}

export function toV2Activity({ created_at, attachments, member_ids, ...change }: ChangeRow): v2.ProjectActivity {
  return {
    ...change,
    attachments: attachments === null ? null : (JSON.parse(attachments) as v2.ProjectComment['attachments']),
    member_ids: member_ids === null ? null : (JSON.parse(member_ids) as string[]),
    timestamp: isoTime(created_at),
  };
}
