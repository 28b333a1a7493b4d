/** Who wrote something, as it is shown. An erased person has no name. */
export interface Authorship {
  authorId: string;
  authorName: string;
  authorAvatar: string | null;
}

/** What a post says. Times are milliseconds. */
export interface Said extends Authorship {
  id: string;
  content: string;
  mediaUrl: string | null;
  createdAt: number;
}

/** A post as one reader sees it. */
export interface PostRecord extends Said {
  /** The post that this one passes on; null where it passes on none, or that is gone. */
  repostOf: Said | null;
  likesCount: number;
  commentsCount: number;
  repostsCount: number;
  isLiked: boolean;
}

export interface CommentRecord extends Authorship {
  id: string;
  content: string;
  createdAt: number;
}
