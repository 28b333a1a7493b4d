/** How Depth shows what the log says of projects. Pure: the same entry gives the same event, live and in `sync`. */
import { depth } from '@majlis/contract';
import { isoTime } from '../../iso-time.ts';
import type { LogEntry } from '../../log/log-entry.ts';
import type { Projections, WireEvent } from '../../realtime/publisher.ts';
import { toDepthMember } from './depth-shapes.ts';
import type { ProjectChange } from './project-record.ts';

const { update, activity } = depth.projectServerEvents;

function settingOf(change: ProjectChange) {
  switch (change.kind) {
    case 'status':
      return { kind: change.kind, status: change.status };
    case 'progress':
      return { kind: change.kind, progress: change.progress, milestone: change.milestone };
    case 'comment':
      return { kind: change.kind, comment: change.comment, attachments: change.attachments };
    case 'members':
      return { kind: change.kind, members: change.members.map(toDepthMember) };
  }
}

function updated({ data, version, createdAt }: LogEntry<ProjectChange>): WireEvent {
  const changed: depth.ProjectUpdate = {
    projectId: data.projectId,
    ...settingOf(data),
    updatedBy: data.userId,
    timestamp: isoTime(createdAt),
    version,
  };
  return { event: update.name, data: changed };
}

export const PROJECT_PROJECTIONS: Readonly<Record<string, Projections>> = { 'project.changed': { depth: updated } };

/** What the others are told besides: that somebody did something. It passes, and is in the history. */
export function toActivity({ data, createdAt }: LogEntry<ProjectChange>): WireEvent {
  const { projectId, userId, userName, action } = data;
  return { event: activity.name, data: { projectId, userId, userName, action, timestamp: isoTime(createdAt) } };
}
