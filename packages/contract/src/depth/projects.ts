/** The namespace `/projects`: contract §5. Acknowledgements are `{data}` or `{error}`. */
import { z } from 'zod';
import { Attachment, checkWritten } from '../attachments.ts';
import { Version, camelClientEvents, camelServerEvents } from '../camel.ts';
import { clientEvent, serverEvent, type Namespace } from '../declare.ts';
import { PROJECT_ACTIONS, PROJECT_STATUSES, commentDraft, progressDraft, statusDraft } from '../v2/projects.ts';
import { Count, Reference, Time, UserId, Uuid } from '../values.ts';

export const ProjectMember = z
  .object({ userId: UserId, name: z.string(), avatar: z.string().nullable(), joinedAt: Time })
  .meta({ id: 'DepthProjectMember' });
export type ProjectMember = z.output<typeof ProjectMember>;

export const Project = z
  .object({
    id: Uuid,
    name: z.string(),
    status: z.enum(PROJECT_STATUSES),
    progress: z.number(),
    milestone: z.string().nullable(),
    members: z.array(ProjectMember),
    version: Count.meta({ description: "The version of the project's stream." }),
  })
  .meta({ id: 'DepthProject' });
export type Project = z.output<typeof Project>;

export const ProjectComment = z
  .object({
    id: Uuid,
    projectId: Uuid,
    userId: UserId,
    userName: z.string(),
    comment: z.string(),
    attachments: z.array(Attachment),
    createdAt: Time,
    version: Version,
  })
  .meta({ id: 'DepthProjectComment' });
export type ProjectComment = z.output<typeof ProjectComment>;

export const ProjectUpdate = z
  .object({
    projectId: Uuid,
    kind: z.enum(['status', 'progress', 'comment', 'members']).meta({ description: 'Which of the following keys are there.' }),
    status: z.enum(PROJECT_STATUSES).optional().meta({ description: 'Of kind status.' }),
    progress: z.number().optional().meta({ description: 'Of kind progress.' }),
    milestone: z.string().nullable().optional().meta({ description: 'Of kind progress.' }),
    comment: z.string().optional().meta({ description: 'Of kind comment.' }),
    attachments: z.array(Attachment).optional().meta({ description: 'Of kind comment.' }),
    members: z.array(ProjectMember).optional().meta({ description: 'Of kind members: who is in the project now.' }),
    updatedBy: UserId,
    timestamp: Time,
    version: Version,
  })
  .meta({ id: 'ProjectUpdate' });
export type ProjectUpdate = z.output<typeof ProjectUpdate>;

const OfProject = z.object({ projectId: Reference });
const Place = z.object({ projectId: Uuid });
const Somebody = z.object({ userId: UserId, projectId: Uuid });
const Changed = z.object({ data: Project });

export const projectClientEvents = {
  join: clientEvent({
    name: 'project:join',
    summary: 'Answered with project:joined; from then on this socket is in the room. Members and administrators only.',
    budget: 'light',
    payload: OfProject,
    ack: z.object({ data: Place.extend({ userIds: z.array(UserId).meta({ description: 'Who is in the room.' }) }) }),
  }),
  leave: clientEvent({
    name: 'project:leave',
    summary: 'This socket is no longer in the room.',
    budget: 'light',
    payload: OfProject,
    ack: z.object({ data: Place }),
  }),
  statusUpdate: clientEvent({
    name: 'project:statusUpdate',
    summary: 'Sets the status. The author is who the server knows, whatever updatedBy says.',
    budget: 'write',
    payload: OfProject.extend(statusDraft),
    ack: Changed,
  }),
  progress: clientEvent({
    name: 'project:progress',
    summary: 'Sets the progress, and where it is given the milestone.',
    budget: 'write',
    payload: OfProject.extend(progressDraft),
    ack: Changed,
  }),
  comment: clientEvent({
    name: 'project:comment',
    summary: 'Comments.',
    budget: 'write',
    payload: OfProject.extend(commentDraft).superRefine(checkWritten('comment')),
    ack: z.object({ data: ProjectComment }),
  }),
} as const;

export const projectServerEvents = {
  joined: serverEvent({ name: 'project:joined', summary: 'The answer to project:join.', payload: Place }),
  userJoined: serverEvent({
    name: 'user:joined',
    summary: "A user's first socket came into the room, to the others in it.",
    payload: Somebody,
  }),
  userLeft: serverEvent({
    name: 'user:left',
    summary: "A user's last socket left the room or disconnected, to the others in it; to whoever may no longer be in it, as well.",
    payload: Somebody,
  }),
  update: serverEvent({ name: 'project:update', summary: 'A change, to everybody in the room.', payload: ProjectUpdate }),
  activity: serverEvent({
    name: 'activity',
    summary: 'What somebody did, to everybody in the room but the socket that did it.',
    payload: Somebody.extend({ userName: z.string(), action: z.enum(PROJECT_ACTIONS), timestamp: Time }),
  }),
} as const;

export const projectsNamespace: Namespace = {
  name: '/projects',
  description: 'Depth: projects, camelCase. Its streams are `project:<id>`.',
  receives: { ...projectClientEvents, ...camelClientEvents },
  sends: { ...camelServerEvents, ...projectServerEvents },
};
