import { Inject, Injectable } from '@nestjs/common';
import { LIMITS, isUuid, type v2 } from '@majlis/contract';
import { LRUCache } from 'lru-cache';
import { v7 as uuidv7 } from 'uuid';
import { Failure, invalid } from '../../errors.ts';
import { forgetEntries } from '../../log/stream-log.repository.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import type { WriteTransaction } from '../../log/write-transaction.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Database, Storage } from '../../storage/storage.ts';
import { UserDirectory } from '../users/user-directory.ts';
import type { UserRecord } from '../users/user-record.ts';
import {
  PROJECT_CHANGED,
  projectStream,
  type CommentRecord,
  type ProjectChange,
  type ProjectRecord,
  type ProjectSetting,
} from './project-record.ts';
import {
  emptyCommentsOf,
  endMembers,
  findAccess,
  findProject,
  findTouched,
  insertChange,
  insertProject,
  pageChanges,
  pageProjects,
  putMembers,
  readMembers,
  updateProject,
  type ChangeRow,
  type ProjectPosition,
  type ProjectRow,
} from './projects.repository.ts';

/** Who acts, and from which socket, if from one. */
export interface Actor {
  userId: string;
  /** The customer's backend acts for the user: it may what an administrator may. */
  isAdmin?: boolean;
  /** The socket, which is not told of its own activity. */
  sessionId?: string;
}

interface Access {
  isMember: boolean;
  /** May say who is in it. */
  mayManage: boolean;
}

// With other nodes a change may be told a while after it was made: what they committed before it is read first.
const SENDERS = 10_000;

const notFound = () => new Failure('NOT_FOUND', { field: 'project_id', problem: 'no project has this id' });
const denied = () => new Failure('FORBIDDEN');

/** Projects: what members and administrators do in them, and who the members are. */
@Injectable()
export class ProjectsService {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #users: UserDirectory;
  /** The sockets that made the latest changes, by the change's id. */
  readonly #senders = new LRUCache<string, string>({ max: SENDERS });

  constructor(@Inject(STORAGE) storage: Storage, queue: WriteQueue, users: UserDirectory) {
    this.#storage = storage;
    this.#queue = queue;
    this.#users = users;
  }

  /** Lets members and administrators pass, by what the store says now. @throws Failure NOT_FOUND, FORBIDDEN */
  async authorize(actor: Actor, projectId: string): Promise<void> {
    await this.#access(this.#storage.db, await this.#asAdmin(actor), projectId);
  }

  /** The socket that made a change, where it was one of this node. */
  senderOf(changeId: string): string | undefined {
    return this.#senders.get(changeId);
  }

  /** The streams of a member's projects, the latest changed thousand. */
  async streamsOf(userId: string): Promise<string[]> {
    const FOLLOWED = 1_000;
    return (await pageProjects(this.#storage.db, userId, undefined, FOLLOWED)).map(({ id }) => projectStream(id));
  }

  /** Makes a project, with the actor as a member. @throws Failure INVALID_DATA, NOT_FOUND (a member that does not exist) */
  async create(actor: Actor, { name, member_ids }: v2.CreateProject): Promise<ProjectRecord> {
    const memberIds = [...new Set([actor.userId, ...member_ids])];
    if (memberIds.length > LIMITS.projectMembers) throw invalid('member_ids', `must have at most ${LIMITS.projectMembers} members`);
    await this.#requireUsers(memberIds, 'member_ids');
    const author = await this.#author(actor);
    const id = uuidv7();
    return this.#queue.run([projectStream(id)], async (tx) => {
      await insertProject(tx.db, {
        id,
        name,
        status: 'draft',
        progress: 0,
        milestone: null,
        created_by: author.id,
        created_at: tx.now,
        updated_at: tx.now,
      });
      await putMembers(tx.db, id, memberIds, tx.now);
      await changeMembers(tx, id, author, 'created', memberIds);
      return recordNow(tx, id);
    });
  }

  /** A page of the projects that a user is in, the latest change first. */
  async list(
    userId: string,
    before: ProjectPosition | undefined,
    limit: number,
  ): Promise<{ projects: ProjectRecord[]; end: ProjectPosition | undefined }> {
    return this.#storage.snapshot(async (db) => {
      const found = await pageProjects(db, userId, before, limit + 1);
      const projects = await records(db, found.slice(0, limit));
      const last = found.length > limit ? projects.at(-1) : undefined;
      return { projects, end: last && { updatedAt: last.updatedAt, id: last.id } };
    });
  }

  /** A project. @throws Failure NOT_FOUND, FORBIDDEN */
  async get(actor: Actor, projectId: string): Promise<ProjectRecord> {
    const known = await this.#asAdmin(actor);
    return this.#storage.snapshot(async (db) => {
      await this.#access(db, known, projectId);
      const [record] = await records(db, [(await findProject(db, projectId))!]);
      return record!;
    });
  }

  /** What happened in a project, the latest first, from before a version. @throws Failure NOT_FOUND, FORBIDDEN */
  async activity(
    actor: Actor,
    projectId: string,
    page: { beforeVersion: number | undefined; limit: number },
  ): Promise<{ changes: ChangeRow[]; end: number | undefined }> {
    await this.authorize(actor, projectId);
    const found = await pageChanges(this.#storage.db, projectId, page.beforeVersion, page.limit + 1);
    const changes = found.slice(0, page.limit);
    return { changes, end: found.length > changes.length ? changes.at(-1)?.version : undefined };
  }

  /** Sets the status. @throws Failure NOT_FOUND, FORBIDDEN */
  setStatus(actor: Actor, projectId: string, status: v2.ProjectStatus): Promise<ProjectRecord> {
    return this.#change(actor, projectId, async (tx, author, id) => {
      await append(tx, { id, projectId, author, action: 'status_updated' }, { kind: 'status', status });
      return recordNow(tx, projectId);
    });
  }

  /** Sets the progress, and the milestone where one is given; null takes it away. @throws Failure NOT_FOUND, FORBIDDEN */
  setProgress(
    actor: Actor,
    projectId: string,
    { progress, milestone: given }: { progress: number; milestone?: string | null | undefined },
  ): Promise<ProjectRecord> {
    return this.#change(actor, projectId, async (tx, author, id) => {
      const milestone = given === undefined ? (await findProject(tx.db, projectId))!.milestone : given;
      await append(tx, { id, projectId, author, action: 'progress_updated' }, { kind: 'progress', progress, milestone });
      return recordNow(tx, projectId);
    });
  }

  /** Comments. @throws Failure NOT_FOUND, FORBIDDEN */
  comment(actor: Actor, projectId: string, said: Pick<CommentRecord, 'comment' | 'attachments'>): Promise<CommentRecord> {
    const { comment, attachments } = said;
    return this.#change(actor, projectId, async (tx, author, id) => {
      const version = await append(tx, { id, projectId, author, action: 'commented' }, { kind: 'comment', comment, attachments });
      return { id, projectId, userId: author.id, userName: author.name, comment, attachments, createdAt: tx.now, version };
    });
  }

  /** Adds members: who made the project, and administrators. Those who are in stay. @throws Failure NOT_FOUND, FORBIDDEN, INVALID_DATA */
  async addMembers(actor: Actor, projectId: string, userIds: readonly string[]): Promise<{ project: ProjectRecord; added: boolean }> {
    await this.authorize(actor, projectId);
    await this.#requireUsers(userIds, 'user_ids');
    return this.#change(actor, projectId, async (tx, author, id, { mayManage }) => {
      if (!mayManage) throw denied();
      const members = await memberIdsOf(tx.db, projectId);
      const added = [...new Set(userIds)].filter((userId) => !members.has(userId));
      if (members.size + added.length > LIMITS.projectMembers)
        throw invalid('user_ids', `a project has at most ${LIMITS.projectMembers} members`);
      if (added.length > 0) {
        await putMembers(tx.db, projectId, added, tx.now);
        await changeMembers(tx, projectId, author, 'members_added', added, id);
      }
      return { project: await recordNow(tx, projectId), added: added.length > 0 };
    });
  }

  /** Removes members: who made the project, and administrators; anyone leaves. @throws Failure NOT_FOUND (one is no member), FORBIDDEN */
  async removeMembers(actor: Actor, projectId: string, userIds: readonly string[]): Promise<void> {
    const removed = [...new Set(userIds)];
    const leaves = removed.every((userId) => userId === actor.userId);
    await this.#change(actor, projectId, async (tx, author, id, { mayManage }) => {
      if (!mayManage && !leaves) throw denied();
      const members = await memberIdsOf(tx.db, projectId);
      if (removed.some((userId) => !members.has(userId))) throw new Failure('NOT_FOUND', { field: 'user_id', problem: 'is not a member' });
      await endMembers(tx.db, projectId, removed, tx.now);
      await changeMembers(tx, projectId, author, 'members_removed', removed, id);
    });
  }

  /** Empties what a person wrote in projects, and the logs that named them, and takes them out. */
  async erase(userId: string): Promise<void> {
    // In portions, so that no commit holds up everybody else's.
    const PORTION = 20;
    let after = '';
    for (;;) {
      const ids = await findTouched(this.#storage.db, userId, after, PORTION);
      const last = ids.at(-1);
      if (last === undefined) return;
      after = last;
      await this.#queue.run(ids.map(projectStream), async (tx) => {
        for (const id of ids) await eraseFrom(tx, id, userId);
      });
    }
  }

  async #change<T>(
    actor: Actor,
    projectId: string,
    work: (tx: WriteTransaction, author: UserRecord, changeId: string, access: Access) => Promise<T>,
  ): Promise<T> {
    if (!isUuid(projectId)) throw notFound();
    const author = await this.#author(actor);
    const known = await this.#asAdmin(actor);
    const id = uuidv7();
    if (actor.sessionId !== undefined) this.#senders.set(id, actor.sessionId);
    return this.#queue.run([projectStream(projectId)], async (tx) => work(tx, author, id, await this.#access(tx.db, known, projectId)));
  }

  async #access(db: Database, { userId, isAdmin = false }: Actor, projectId: string): Promise<Access> {
    const found = isUuid(projectId) ? await findAccess(db, projectId, userId) : undefined;
    if (!found) throw notFound();
    if (!found.isMember && !isAdmin) throw denied();
    return { isMember: found.isMember, mayManage: isAdmin || (found.isMember && found.createdBy === userId) };
  }

  async #asAdmin(actor: Actor): Promise<Actor> {
    return { ...actor, isAdmin: actor.isAdmin || (await this.#users.load(actor.userId))?.role === 'admin' };
  }

  async #author({ userId }: Actor): Promise<UserRecord> {
    const user = await this.#users.load(userId);
    if (!user) throw denied();
    return user;
  }

  async #requireUsers(ids: readonly string[], field: string): Promise<void> {
    const users = await this.#users.loadMany(ids);
    const missing = ids.find((id) => users.get(id)?.erased !== false);
    if (missing !== undefined) throw new Failure('NOT_FOUND', { field, problem: `no user ${missing}` });
  }
}

interface Authorship {
  id: string;
  projectId: string;
  author: Pick<UserRecord, 'id' | 'name'>;
  action: v2.ProjectAction;
}

/** Appends a change to the project's stream, and to its history. @returns the version */
async function append(
  tx: WriteTransaction,
  { id, projectId, author, action }: Authorship,
  setting: ProjectSetting,
  memberIds?: readonly string[],
): Promise<number> {
  const change: ProjectChange = { ...setting, id, projectId, userId: author.id, userName: author.name, action };
  const version = tx.append(projectStream(projectId), PROJECT_CHANGED, change);
  const set = columnsOf(setting);
  await updateProject(tx.db, projectId, { ...set, updated_at: tx.now });
  await insertChange(tx.db, {
    id,
    project_id: projectId,
    version,
    user_id: author.id,
    action,
    status: null,
    progress: null,
    milestone: null,
    ...set,
    comment: setting.kind === 'comment' ? setting.comment : null,
    attachments: setting.kind === 'comment' ? JSON.stringify(setting.attachments) : null,
    member_ids: memberIds ? JSON.stringify(memberIds) : null,
    created_at: tx.now,
  });
  return version;
}

/** What a change sets of the project itself. */
function columnsOf(setting: ProjectSetting) {
  if (setting.kind === 'status') return { status: setting.status };
  return setting.kind === 'progress' ? { progress: setting.progress, milestone: setting.milestone } : {};
}

/** Appends who the members are now, after `concerned` came or went. */
async function changeMembers(
  tx: WriteTransaction,
  projectId: string,
  author: Pick<UserRecord, 'id' | 'name'>,
  action: 'created' | 'members_added' | 'members_removed',
  concerned: readonly string[],
  id = uuidv7(),
): Promise<void> {
  const members = (await readMembers(tx.db, [projectId])).get(projectId)!;
  const removed = action === 'members_removed' ? concerned : [];
  await append(tx, { id, projectId, author, action }, { kind: 'members', members, removed }, concerned);
}

async function eraseFrom(tx: WriteTransaction, projectId: string, userId: string): Promise<void> {
  await emptyCommentsOf(tx.db, projectId, userId);
  await forgetEntries(tx.db, projectStream(projectId));
  if (!(await memberIdsOf(tx.db, projectId)).has(userId)) return;
  await endMembers(tx.db, projectId, [userId], tx.now);
  await changeMembers(tx, projectId, { id: userId, name: '' }, 'members_removed', [userId]);
}

async function memberIdsOf(db: Database, projectId: string): Promise<Set<string>> {
  return new Set((await readMembers(db, [projectId])).get(projectId)!.map(({ userId }) => userId));
}

/** The project as this transaction leaves it. */
async function recordNow(tx: WriteTransaction, projectId: string): Promise<ProjectRecord> {
  const [record] = await records(tx.db, [(await findProject(tx.db, projectId))!]);
  return { ...record!, version: tx.stream(projectStream(projectId)).version };
}

/** The rows with their members: two statements however many projects. */
async function records(db: Database, rows: readonly ProjectRow[]): Promise<ProjectRecord[]> {
  const members = await readMembers(
    db,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    status: row.status,
    progress: row.progress,
    milestone: row.milestone,
    members: members.get(row.id)!,
    createdBy: row.created_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    version: row.version,
  }));
}
