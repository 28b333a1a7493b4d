import { Injectable } from '@nestjs/common';
import { LIMITS } from '@majlis/contract';
import { invalid } from '../../errors.ts';

/** A socket that may have posts open. */
export interface Viewer {
  readonly id: string;
  readonly userId: string;
}

/** Which sockets of this node have which posts open. Nothing of it is stored: a socket that comes back opens its posts again. */
@Injectable()
export class OpenPosts {
  /** Of each socket, its posts, each with the stream that is listened to for it, as soon as that is so. */
  readonly #bySocket = new Map<string, Map<string, string | undefined>>();
  /** Of each post, how many sockets of each user have it open. */
  readonly #byPost = new Map<string, Map<string, number>>();

  /** A socket opens a post; again changes nothing. @throws Failure INVALID_DATA where it has too many */
  open({ id, userId }: Viewer, postId: string): void {
    let posts = this.#bySocket.get(id);
    if (!posts) this.#bySocket.set(id, (posts = new Map()));
    if (posts.has(postId)) return;
    if (posts.size >= LIMITS.openPosts) throw invalid('post_id', `at most ${LIMITS.openPosts} posts may be open on a socket`);
    posts.set(postId, undefined);
    let users = this.#byPost.get(postId);
    if (!users) this.#byPost.set(postId, (users = new Map()));
    users.set(userId, (users.get(userId) ?? 0) + 1);
  }

  /** A stream is listened to for a socket's post. @returns false where it has closed it meanwhile, or one is listened to already */
  listening({ id }: Viewer, postId: string, stream: string): boolean {
    const posts = this.#bySocket.get(id);
    if (!posts?.has(postId) || posts.get(postId) !== undefined) return false;
    posts.set(postId, stream);
    return true;
  }

  /** A socket closes a post. @returns the stream that was listened to for it */
  close({ id, userId }: Viewer, postId: string): string | undefined {
    const posts = this.#bySocket.get(id);
    if (!posts?.has(postId)) return undefined;
    const stream = posts.get(postId);
    posts.delete(postId);
    if (posts.size === 0) this.#bySocket.delete(id);
    const users = this.#byPost.get(postId)!;
    const sockets = users.get(userId)! - 1;
    if (sockets > 0) users.set(userId, sockets);
    else users.delete(userId);
    if (users.size === 0) this.#byPost.delete(postId);
    return stream;
  }

  /** What a socket has open. */
  of(socketId: string): string[] {
    return [...(this.#bySocket.get(socketId)?.keys() ?? [])];
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
