/** A member as a chat shows it. */
export interface MemberRecord {
  userId: string;
  name: string;
  avatar: string | null;
  /** Milliseconds. */
  joinedAt: number;
}

/** A chat as the domain and the log know it, in no dialect. Times are milliseconds. */
export interface ChatRecord {
  id: string;
  type: 'direct' | 'group';
  title: string | null;
  createdBy: string;
  createdAt: number;
  memberCount: number;
  /** The first 20. */
  members: MemberRecord[];
  lastSeq: number;
}
