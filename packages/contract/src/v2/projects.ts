/** Projects by REST `/api/v2`: contract §8. What they are is Depth's. */
import { z } from 'zod';
import { Attachment, AttachmentsDraft, checkWritten } from '../attachments.ts';
import { route } from '../declare.ts';
import { LIMITS } from '../limits.ts';
import { Count, Reference, Time, UserId, Uuid, text } from '../values.ts';
import { ChatMember } from './objects.ts';
import { Page, listOf } from './routes.ts';

export const PROJECT_STATUSES = ['draft', 'in_progress', 'review', 'completed', 'cancelled'] as const;
export type ProjectStatus = (typeof PROJECT_STATUSES)[number];

/** What can happen to a project, as its activity says it. */
export const PROJECT_ACTIONS = ['created', 'status_updated', 'progress_updated', 'commented', 'members_added', 'members_removed'] as const;
export type ProjectAction = (typeof PROJECT_ACTIONS)[number];

/** What is said of a project's status, progress and in comments, whatever the surface. */
export const statusDraft = { status: z.enum(PROJECT_STATUSES) };
export const progressDraft = {
  progress: z.number().min(0).max(100),
  milestone: text(0, LIMITS.titleCharacters).nullish().meta({ description: 'Left out: unchanged; null: none.' }),
};
export const commentDraft = { comment: z.string(), attachments: AttachmentsDraft };

export const CreateProject = z.object({
  name: text(1, LIMITS.titleCharacters),
  member_ids: z
    .array(UserId)
    .max(LIMITS.projectMembers, { error: `must have at most ${LIMITS.projectMembers} members` })
    .default([]),
});
export type CreateProject = z.output<typeof CreateProject>;

const version = Count.meta({ description: "The version of the project's stream." });

export const Project = z
  .object({
    id: Uuid,
    name: z.string(),
    status: z.enum(PROJECT_STATUSES),
    progress: z.number(),
    milestone: z.string().nullable(),
    members: z.array(ChatMember),
    created_by: UserId,
    created_at: Time,
    updated_at: Time,
    version,
  })
  .meta({ id: 'Project' });
export type Project = z.output<typeof Project>;

export const ProjectComment = z
  .object({
    id: Uuid,
    project_id: Uuid,
    user_id: UserId,
    user_name: z.string(),
    comment: z.string(),
    attachments: z.array(Attachment),
    created_at: Time,
    version,
  })
  .meta({ id: 'ProjectComment' });
export type ProjectComment = z.output<typeof ProjectComment>;

export const ProjectActivity = z
  .object({
    id: Uuid.meta({ description: "A comment's is the comment's." }),
    project_id: Uuid,
    user_id: UserId,
    user_name: z.string(),
    action: z.enum(PROJECT_ACTIONS),
    status: z.enum(PROJECT_STATUSES).nullable(),
    progress: z.number().nullable(),
    milestone: z.string().nullable(),
    comment: z.string().nullable(),
    attachments: z.array(Attachment).nullable(),
    member_ids: z.array(UserId).nullable().meta({ description: 'Who was added or removed.' }),
    timestamp: Time,
    version,
  })
  .meta({ id: 'ProjectActivity' });
export type ProjectActivity = z.output<typeof ProjectActivity>;

const ProjectPath = z.object({ id: Reference });
const UserIds = z.object({ user_ids: z.array(UserId).min(1).max(LIMITS.projectMembers) });

export const projectRoutes = {
  create: route({
    method: 'POST',
    path: '/api/v2/projects',
    summary: 'Makes a project; the caller is always a member.',
    tag: 'Projects',
    access: 'user',
    budget: 'write',
    body: CreateProject,
    answer: Project,
    status: 201,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'NOT_FOUND'],
  }),
  list: route({
    method: 'GET',
    path: '/api/v2/projects',
    summary: "One's own projects, the latest change first.",
    tag: 'Projects',
    access: 'user',
    budget: 'light',
    query: Page,
    answer: listOf(Project),
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED'],
  }),
  get: route({
    method: 'GET',
    path: '/api/v2/projects/:id',
    summary: 'A project: its members and administrators.',
    tag: 'Projects',
    access: 'user',
    budget: 'light',
    params: ProjectPath,
    answer: Project,
    status: 200,
    errors: ['UNAUTHORIZED', 'NOT_FOUND', 'FORBIDDEN'],
  }),
  addMembers: route({
    method: 'POST',
    path: '/api/v2/projects/:id/members',
    summary: 'Adds members: whoever made the project, and administrators.',
    tag: 'Projects',
    access: 'user',
    budget: 'write',
    params: ProjectPath,
    body: UserIds,
    answer: Project,
    status: 201,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'NOT_FOUND', 'FORBIDDEN'],
  }),
  removeMembers: route({
    method: 'DELETE',
    path: '/api/v2/projects/:id/members',
    summary: 'Removes members: whoever made the project, and administrators; anyone leaves. None where one of them is no member.',
    tag: 'Projects',
    access: 'user',
    budget: 'write',
    params: ProjectPath,
    body: UserIds,
    status: 204,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'NOT_FOUND', 'FORBIDDEN'],
  }),
  removeMember: route({
    method: 'DELETE',
    path: '/api/v2/projects/:id/members/:user_id',
    summary: 'Removes one member, as the list of several does.',
    tag: 'Projects',
    access: 'user',
    budget: 'write',
    params: ProjectPath.extend({ user_id: UserId }),
    status: 204,
    errors: ['UNAUTHORIZED', 'NOT_FOUND', 'FORBIDDEN'],
  }),
  activity: route({
    method: 'GET',
    path: '/api/v2/projects/:id/activity',
    summary: 'What happened in a project, comments included, the latest first.',
    tag: 'Projects',
    access: 'user',
    budget: 'light',
    params: ProjectPath,
    query: Page,
    answer: listOf(ProjectActivity),
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'NOT_FOUND', 'FORBIDDEN'],
  }),
  status: route({
    method: 'POST',
    path: '/api/v2/projects/:id/status',
    summary: 'Sets the status: members and administrators.',
    tag: 'Projects',
    access: 'user',
    budget: 'write',
    params: ProjectPath,
    body: z.object(statusDraft),
    answer: Project,
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'NOT_FOUND', 'FORBIDDEN'],
  }),
  progress: route({
    method: 'POST',
    path: '/api/v2/projects/:id/progress',
    summary: 'Sets the progress: members and administrators.',
    tag: 'Projects',
    access: 'user',
    budget: 'write',
    params: ProjectPath,
    body: z.object(progressDraft),
    answer: Project,
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'NOT_FOUND', 'FORBIDDEN'],
  }),
  comment: route({
    method: 'POST',
    path: '/api/v2/projects/:id/comments',
    summary: 'Comments: members and administrators.',
    tag: 'Projects',
    access: 'user',
    budget: 'write',
    params: ProjectPath,
    body: z.object(commentDraft).superRefine(checkWritten('comment')),
    answer: ProjectComment,
    status: 201,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'NOT_FOUND', 'FORBIDDEN', 'MESSAGE_TOO_LARGE'],
  }),
} as const;
