/** Projects as the domain knows them, and what the log holds of them. Times are milliseconds. */
import type { v2 } from '@majlis/contract';

export interface ProjectMember {
  userId: string;
  name: string;
  avatar: string | null;
  joinedAt: number;
}

export interface ProjectRecord {
  id: string;
  name: string;
  status: v2.ProjectStatus;
  progress: number;
  milestone: string | null;
  members: ProjectMember[];
  createdBy: string;
  createdAt: number;
  updatedAt: number;
  /** Of the project's stream. */
  version: number;
}

/** What a change set. */
export type ProjectSetting =
  | { kind: 'status'; status: v2.ProjectStatus }
  | { kind: 'progress'; progress: number; milestone: string | null }
  | { kind: 'comment'; comment: string; attachments: v2.ProjectComment['attachments'] }
  | { kind: 'members'; members: ProjectMember[]; removed: readonly string[] };

/** A change of a project: an entry of its stream. */
export type ProjectChange = ProjectSetting & {
  id: string;
  projectId: string;
  userId: string;
  userName: string;
  action: v2.ProjectAction;
};

/** A comment, as its author is answered. */
export interface CommentRecord {
  id: string;
  projectId: string;
  userId: string;
  userName: string;
  comment: string;
  attachments: v2.ProjectComment['attachments'];
  createdAt: number;
  version: number;
}

/** The one kind of log entries that projects write; what changed is `kind` of its data. */
export const PROJECT_CHANGED = 'project.changed';

export const PROJECT_PREFIX = 'project';

/** The stream of a project. */
export const projectStream = (projectId: string) => `${PROJECT_PREFIX}:${projectId}`;

/** The project whose stream that is. */
export const projectIdOf = (stream: string) => stream.slice(PROJECT_PREFIX.length + 1);
