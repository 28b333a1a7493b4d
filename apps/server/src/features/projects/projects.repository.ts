/** SQL over projects, their members and their history. */
import { sql } from 'kysely';
import type { ProjectChangesTable, ProjectsTable } from '../../storage/schema.ts';
import type { Database } from '../../storage/storage.ts';
import { PROJECT_PREFIX, type ProjectMember } from './project-record.ts';

/** A project with the version of its stream. In a transaction that is the one from before it. */
export interface ProjectRow extends ProjectsTable {
  version: number;
}

/** What happened, with the name of who did it as it is now. */
export interface ChangeRow extends ProjectChangesTable {
  user_name: string;
}

/** Where a page of projects ends. */
export interface ProjectPosition {
  updatedAt: number;
  id: string;
}

function projectRows(db: Database) {
  return db
    .selectFrom('projects as p')
    .leftJoin('streams as s', (join) => join.on('s.id', '=', sql<string>`${sql.lit(`${PROJECT_PREFIX}:`)} || p.id`))
    .selectAll('p')
    .select((eb) => eb.fn.coalesce('s.version', sql<number>`0`).as('version'));
}

/** The project of that id. */
export function findProject(db: Database, id: string): Promise<ProjectRow | undefined> {
  return projectRows(db).where('p.id', '=', id).executeTakeFirst();
}

/** Who made a project, and whether a user is in it; undefined where there is no such project. */
export async function findAccess(db: Database, id: string, userId: string): Promise<{ createdBy: string; isMember: boolean } | undefined> {
  const row = await db
    .selectFrom('projects as p')
    .leftJoin('project_members as m', (join) =>
      join.onRef('m.project_id', '=', 'p.id').on('m.user_id', '=', userId).on('m.left_at', 'is', null),
    )
    .select(['p.created_by', 'm.user_id'])
    .where('p.id', '=', id)
    .executeTakeFirst();
  return row && { createdBy: row.created_by, isMember: row.user_id !== null };
}

/** The members of these projects, in the order in which they joined. */
export async function readMembers(db: Database, projectIds: readonly string[]): Promise<Map<string, ProjectMember[]>> {
  const members = new Map<string, ProjectMember[]>(projectIds.map((id) => [id, []]));
  if (projectIds.length === 0) return members;
  const rows = await db
    .selectFrom('project_members as m')
    .innerJoin('users as u', 'u.id', 'm.user_id')
    .select(['m.project_id', 'm.user_id', 'm.joined_at', 'u.name', 'u.avatar'])
    .where('m.project_id', 'in', projectIds)
    .where('m.left_at', 'is', null)
    .orderBy('m.joined_at')
    .orderBy('m.user_id')
    .execute();
  for (const row of rows)
    members.get(row.project_id)!.push({ userId: row.user_id, name: row.name, avatar: row.avatar, joinedAt: row.joined_at });
  return members;
}

function projectsOf(db: Database, userId: string) {
  return projectRows(db)
    .innerJoin('project_members as m', 'm.project_id', 'p.id')
    .where('m.user_id', '=', userId)
    .where('m.left_at', 'is', null)
    .orderBy('p.updated_at', 'desc')
    .orderBy('p.id', 'desc');
}

/** A member's projects, the latest change first, from before a place. */
export function pageProjects(db: Database, userId: string, before: ProjectPosition | undefined, limit: number): Promise<ProjectRow[]> {
  let query = projectsOf(db, userId);
  if (before) {
    query = query.where((eb) =>
      eb.or([eb('p.updated_at', '<', before.updatedAt), eb.and([eb('p.updated_at', '=', before.updatedAt), eb('p.id', '<', before.id)])]),
    );
  }
  return query.limit(limit).execute();
}

export async function insertProject(db: Database, project: ProjectsTable): Promise<void> {
  await db.insertInto('projects').values(project).execute();
}

export async function updateProject(db: Database, id: string, set: Partial<Omit<ProjectsTable, 'id'>>): Promise<void> {
  await db.updateTable('projects').set(set).where('id', '=', id).execute();
}

/** Makes users members from `now` on: of those who are none. */
export async function putMembers(db: Database, projectId: string, userIds: readonly string[], now: number): Promise<void> {
  await db
    .insertInto('project_members')
    .values(userIds.map((userId) => ({ project_id: projectId, user_id: userId, joined_at: now, left_at: null })))
    .onConflict((conflict) => conflict.columns(['project_id', 'user_id']).doUpdateSet({ joined_at: now, left_at: null }))
    .execute();
}

/** Ends memberships. */
export async function endMembers(db: Database, projectId: string, userIds: readonly string[], now: number): Promise<void> {
  await db
    .updateTable('project_members')
    .set({ left_at: now })
    .where('project_id', '=', projectId)
    .where('user_id', 'in', userIds)
    .where('left_at', 'is', null)
    .execute();
}

export async function insertChange(db: Database, change: ProjectChangesTable): Promise<void> {
  await db.insertInto('project_changes').values(change).execute();
}

/** What happened in a project, the latest first, from before a version. */
export function pageChanges(db: Database, projectId: string, beforeVersion: number | undefined, limit: number): Promise<ChangeRow[]> {
  let query = db
    .selectFrom('project_changes as c')
    .innerJoin('users as u', 'u.id', 'c.user_id')
    .selectAll('c')
    .select('u.name as user_name')
    .where('c.project_id', '=', projectId);
  if (beforeVersion !== undefined) query = query.where('c.version', '<', beforeVersion);
  return query.orderBy('c.version', 'desc').limit(limit).execute();
}

/** Projects in which a user ever was or did something, by id after one, at most `limit`. */
export async function findTouched(db: Database, userId: string, afterId: string, limit: number): Promise<string[]> {
  const member = db.selectFrom('project_members').select('project_id').where('user_id', '=', userId).where('project_id', '>', afterId);
  const author = db.selectFrom('project_changes').select('project_id').where('user_id', '=', userId).where('project_id', '>', afterId);
  const rows = await member.union(author).orderBy('project_id').limit(limit).execute();
  return rows.map(({ project_id }) => project_id);
}

/** Empties what a user wrote in a project. */
export async function emptyCommentsOf(db: Database, projectId: string, userId: string): Promise<void> {
  await db
    .updateTable('project_changes')
    .set({ comment: '', attachments: '[]' })
    .where('project_id', '=', projectId)
    .where('user_id', '=', userId)
    .where('comment', 'is not', null)
    .execute();
}
