/** Projects in Depth's shapes: camelCase, ISO times. Pure. */
import type { depth } from '@majlis/contract';
import { isoTime } from '../../iso-time.ts';
import type { CommentRecord, ProjectMember, ProjectRecord } from './project-record.ts';

export function toDepthMember({ userId, name, avatar, joinedAt }: ProjectMember): depth.ProjectMember {
  return { userId, name, avatar, joinedAt: isoTime(joinedAt) };
}

export function toDepthProject({ id, name, status, progress, milestone, members, version }: ProjectRecord): depth.Project {
  return { id, name, status, progress, milestone, members: members.map(toDepthMember), version };
}

export function toDepthComment({ createdAt, ...comment }: CommentRecord): depth.ProjectComment {
  return { ...comment, createdAt: isoTime(createdAt) };
}
