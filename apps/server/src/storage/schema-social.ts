/** Tables of posts, ties between people, reviews and bookings. */
import type { v2 } from '@majlis/contract';
import type { Bit } from './schema-users.ts';

export interface PostsTable {
  id: string;
  author_id: string;
  content: string;
  media_url: string | null;
  /** The post that this one passes on. */
  repost_of: string | null;
  likes_count: number;
  comments_count: number;
  reposts_count: number;
  created_at: number;
}

export interface PostLikesTable {
  post_id: string;
  user_id: string;
  /** 0 where it was taken back: the row stays, so that liking again does not tell the author again. */
  liked: Bit;
  created_at: number;
}

export interface PostCommentsTable {
  id: string;
  post_id: string;
  author_id: string;
  content: string;
  created_at: number;
}

/** `user_id` follows `author_id`. */
export interface FollowsTable {
  author_id: string;
  user_id: string;
  created_at: number;
}

export interface FriendshipsTable {
  id: string;
  /** Both ids, sorted, as JSON. Unique, so two people have one request between them, whoever asked. */
  pair: string;
  from_user_id: string;
  to_user_id: string;
  created_at: number;
  /** Null while it is a request. */
  accepted_at: number | null;
}

export interface ReviewsTable {
  id: string;
  /** Who is reviewed. */
  user_id: string;
  author_id: string;
  rating: number;
  content: string;
  created_at: number;
}

export interface BookingsTable {
  id: string;
  master_id: string;
  client_id: string;
  service_id: string | null;
  service_name: string;
  starts_at: number | null;
  /** The offset in which the time was given, or `UTC`. */
  time_zone: string | null;
  /** Minutes. */
  duration: number | null;
  /** Hundredths. */
  price_minor: number | null;
  status: v2.BookingStatus;
  cancelled_by: string | null;
  /** The proposal that it came of. Unique, so that accepting one makes one booking. */
  message_id: string | null;
  created_at: number;
  updated_at: number;
  /** When the next booking is to be proposed; null where it is not to be. */
  propose_at: number | null;
  /** When it was. */
  proposed_at: number | null;
}

/** After how many weeks a master's clients are proposed the next booking. */
export interface AutoBookingRulesTable {
  master_id: string;
  weeks: number;
}
