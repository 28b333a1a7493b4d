import { Injectable } from '@nestjs/common';
import { LIMITS } from '@majlis/contract';
import { invalid } from '../../errors.ts';

/** Which sockets of this node have which posts open. Nothing of it is stored: a socket that comes back opens its posts again. */
@Injectable()
export class OpenPosts {
  readonly #bySocket = new Map<string, Set<string>>();
  /** Of each post, how many sockets of each user have it open. */
  readonly #byPost = new Map<string, Map<string, number>>();

  /** A socket opens a post. @returns false where it had it open @throws Failure INVALID_DATA where it has too many */
  open({ id, userId }: { id: string; userId: string }, postId: string): boolean {
    let posts = this.#bySocket.get(id);
    if (!posts) this.#bySocket.set(id, (posts = new Set()));
    if (posts.has(postId)) return false;
    if (posts.size >= LIMITS.openPosts) throw invalid('post_id', `at most ${LIMITS.openPosts} posts may be open on a socket`);
    posts.add(postId);
    let users = this.#byPost.get(postId);
    if (!users) this.#byPost.set(postId, (users = new Map()));
    users.set(userId, (users.get(userId) ?? 0) + 1);
    return true;
  }

  /** A socket closes a post. @returns false where it had it not open */
  close({ id, userId }: { id: string; userId: string }, postId: string): boolean {
    const posts = this.#bySocket.get(id);
    if (!posts?.delete(postId)) return false;
    if (posts.size === 0) this.#bySocket.delete(id);
    const users = this.#byPost.get(postId)!;
    const sockets = users.get(userId)! - 1;
    if (sockets > 0) users.set(userId, sockets);
    else users.delete(userId);
    if (users.size === 0) this.#byPost.delete(postId);
    return true;
  }

  /** A socket is gone. @returns what it had open */
  closeAll(session: { id: string; userId: string }): string[] {
    const posts = [...(this.#bySocket.get(session.id) ?? [])];
    for (const postId of posts) this.close(session, postId);
    return posts;
  }

  /** Whether a socket has a post open. */
  has(socketId: string, postId: string): boolean {
    return this.#bySocket.get(socketId)?.has(postId) === true;
  }

  /** Users with a socket that has the post open; undefined where there is none. */
  viewersOf(postId: string): ReadonlyMap<string, number> | undefined {
    return this.#byPost.get(postId);
  }
}
