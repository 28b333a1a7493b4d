/**
 * The tables as both engines have them. Portable on purpose: ids and JSON are text, times are integers of milliseconds,
 * booleans are 0 or 1.
 */
import type { Locale } from '@majlis/contract';
import type { allawzi, khawam, v2 } from '@majlis/contract';

/** 0 or 1. */
export type Bit = 0 | 1;

export interface UsersTable {
  id: string;
  name: string;
  avatar: string | null;
  role: v2.Role;
  email: string | null;
  password_hash: string | null;
  locale: Locale | null;
  is_master: Bit;
  disabled: Bit;
  /** The person was erased; the row stays so that others' conversations keep a sender. */
  erased_at: number | null;
  last_seen: number | null;
  /** An administrator keeps the user out until then. */
  blocked_until: number | null;
  /** Folded name and id: what people are found by, and the order of lists. */
  search_key: string;
  created_at: number;
  updated_at: number;
}

export interface RefreshTokensTable {
  /** SHA-256 of the token, hex. */
  hash: string;
  /** All tokens that rotated out of one sign-in. */
  family: string;
  user_id: string;
  expires_at: number;
  /** Set when it was exchanged; a second exchange revokes the family. */
  used_at: number | null;
}

/** What a device's latest connection and token were: the reasons of `sync:required`. */
export interface DevicesTable {
  user_id: string;
  /** `auth.device_id`, or the token's hash where the client gives none. */
  device: string;
  /** open, left (the client's own DISCONNECT), refused (a refused or expired token). */
  state: 'open' | 'left' | 'refused';
  token_hash: string;
  /** Of the token. */
  expires_at: number;
  updated_at: number;
}

export interface AuditLogTable {
  id: string;
  actor_kind: 'user' | 'key';
  actor_id: string;
  action: string;
  subject: string | null;
  /** JSON object. */
  details: string;
  created_at: number;
}

/** Whom a user has blocked. */
export interface UserBlocksTable {
  user_id: string;
  blocked_id: string;
  created_at: number;
}

export interface ReportsTable {
  id: string;
  reporter_id: string;
  /** Who is reported; of a message its sender. */
  user_id: string;
  chat_id: string | null;
  message_id: string | null;
  reason: string;
  created_at: number;
  resolved_at: number | null;
  resolved_by: string | null;
  resolution: string | null;
}

export interface ApiKeysTable {
  id: string;
  name: string;
  /** SHA-256 of the key, hex. */
  hash: string;
  created_by: string;
  created_at: number;
  revoked_at: number | null;
}

export interface ChatsTable {
  id: string;
  /** Chosen at random; stands for the id in the indexes of messages. */
  key: number;
  type: 'direct' | 'group';
  title: string | null;
  /** The two ids of a direct chat, sorted, as JSON; null for groups. Unique, so a direct chat is never made twice. */
  direct_key: string | null;
  created_by: string;
  member_count: number;
  created_at: number;
}

export interface ChatMembersTable {
  chat_id: string;
  user_id: string;
  joined_at: number;
  /** Watermarks on the chat's seq: how far this member has received and read. */
  delivered_seq: number;
  /** What was delivered beyond the watermark, as JSON `[[from, to], …]`: live messages that came before an absence was caught up. */
  delivered_ahead: string | null;
  read_seq: number;
  read_at: number | null;
  muted_until: number | null;
}

export interface MessagesTable {
  id: string;
  chat_id: string;
  /** The chat's `key`: by it, not by its id, its messages are found quickly. */
  chat_key: number;
  seq: number;
  /** The chat stream's version at this message's latest change. */
  version: number;
  /** The stream's version at which it was sent. The row is the log's entry of that version too, until an edit puts the original into the log. */
  created_version: number;
  /** The version of the latest entry that carries content: where erasing starts (see log entries' `previous`). */
  content_version: number;
  sender_id: string;
  /** As they were when the message was sent: what its event said. */
  sender_name: string;
  sender_avatar: string | null;
  /** Of v2, or Depth's file. */
  type: v2.MessageTypeName | 'file';
  content: string;
  /** JSON object. */
  metadata: string;
  client_message_id: string | null;
  reply_to: string | null;
  created_at: number;
  edited_at: number | null;
  deleted_at: number | null;
}

export interface MessageReactionsTable {
  message_id: string;
  user_id: string;
  emoji: string;
  created_at: number;
}

/** Messages of which nobody has looked yet whom they mention. */
export interface PendingMentionsTable {
  message_id: string;
}

/** One row a stream: its counters. Whoever holds this row's lock may append. */
export interface StreamsTable {
  id: string;
  /** Number of the latest change. */
  version: number;
  /** Number of the latest message, for streams that have messages. */
  seq: number;
  /** Entries up to this version may have been forgotten. */
  forgotten: number;
}

export interface StreamLogTable {
  stream: string;
  version: number;
  /** The stream's latest message number at this version. */
  seq: number;
  kind: string;
  /** The change, as JSON; what projections read. */
  data: string;
  created_at: number;
}

/** The full-text index of the messages, which trails them. `words` is asked in each engine's own way. */
export interface MessageSearchTable {
  /** Begins with the time at which the message was created: the order of the answers. */
  id: number;
  chat_id: string;
  seq: number;
}

/** How far the full-text index has come in a chat. */
export interface MessageSearchPositionsTable {
  chat_id: string;
  /** Messages up to this one are in the index, */
  seq: number;
  /** as they were at this version of the chat's stream, or later. */
  version: number;
}

export interface NotificationsTable {
  id: string;
  user_id: string;
  /** The version of the user's stream at which it was made: the order of lists. */
  created_version: number;
  /** The version of the user's stream at its latest change. */
  version: number;
  type: string;
  title: string;
  body: string;
  /** JSON object. */
  data: string;
  created_at: number;
  read_at: number | null;
}

export interface TicketsTable {
  id: string;
  subject: string;
  status: allawzi.TicketStatus;
  priority: allawzi.TicketPriority;
  owner_id: string;
  assignee_id: string | null;
  /** Messages of staff that the owner has not read, and of the owner that staff have not. */
  owner_unread: number;
  staff_unread: number;
  created_at: number;
  /** Of the latest change that its owner can see. */
  updated_at: number;
  first_response_at: number | null;
  /** Null while it is open or pending. */
  resolved_at: number | null;
}

/** A message has a place in each side's stream of its ticket; an internal note in that of staff only. */
export interface TicketMessagesTable {
  id: string;
  ticket_id: string;
  owner_seq: number | null;
  owner_version: number | null;
  staff_seq: number;
  staff_version: number;
  sender_id: string;
  /** As they were when the message was sent: what its event said. */
  sender_name: string;
  sender_role: v2.Role;
  message: string;
  /** JSON array. */
  attachments: string;
  client_message_id: string | null;
  created_at: number;
}

export interface CannedRepliesTable {
  id: string;
  title: string;
  message: string;
  created_by: string;
  created_at: number;
}

export interface ProjectsTable {
  id: string;
  name: string;
  status: v2.ProjectStatus;
  /** 0 to 100. */
  progress: number;
  milestone: string | null;
  created_by: string;
  created_at: number;
  updated_at: number;
}

export interface ProjectMembersTable {
  project_id: string;
  user_id: string;
  joined_at: number;
  /** Who left stays here: the log names them, and erasing a person must find where. */
  left_at: number | null;
}

/** What happened in a project, one row for each change of its stream. What an action does not set is null. */
export interface ProjectChangesTable {
  id: string;
  project_id: string;
  version: number;
  user_id: string;
  action: v2.ProjectAction;
  status: v2.ProjectStatus | null;
  progress: number | null;
  milestone: string | null;
  comment: string | null;
  /** JSON array. */
  attachments: string | null;
  /** JSON array of who was added or removed. */
  member_ids: string | null;
  created_at: number;
}

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

/** When what happens every so often is due next. */
export interface ScheduledRunsTable {
  name: string;
  due_at: number;
}

export interface OrdersTable {
  id: number;
  number: string;
  /** Of a number of our own form, `KH-<year>-<index>`, its parts: the next one is counted from them. */
  number_year: number | null;
  number_index: number | null;
  customer_name: string;
  customer_phone: string;
  /** Hundredths. */
  total_minor: number;
  final_minor: number;
  delivery_type: string;
  items_count: number;
  status: khawam.OrderStatus;
  /** The user who made it; null for the customer's backend in its own name. */
  created_by: string | null;
  /** Set where `created_by` ordered for themselves: the name and phone are that person's. */
  customer_id: string | null;
  acknowledged_by: string | null;
  created_at: number;
  /** The stream's version at which it was made: the order in which orders came. */
  created_version: number;
  /** The stream's version at its latest change. */
  version: number;
  /** When it is to be escalated; null where nobody waits for it any more, or it has been. */
  escalate_at: number | null;
}

/** What was made under an `Idempotency-Key`. */
export interface OrderKeysTable {
  caller: string;
  key: string;
  /** Of the body: another one under the same key is a conflict. */
  body_hash: string;
  order_id: number;
  created_at: number;
}

export interface UploadsTable {
  /** 128 random bits in hexadecimal: whoever knows it may read the content. */
  key: string;
  user_id: string;
  kind: v2.UploadKind;
  content_type: string;
  name: string | null;
  size: number;
  width: number | null;
  height: number | null;
  /** Of a photo: its thumbnail, a row of its own. */
  thumbnail_key: string | null;
  created_at: number;
}

export interface NotificationPreferencesTable {
  user_id: string;
  /** JSON object: `push`, `app` or `off` by type; the others are pushed. */
  types: string;
  /** `HH:MM` on the wall clock of `time_zone`; null, all three, where there are no quiet hours. */
  quiet_from: string | null;
  quiet_to: string | null;
  time_zone: string | null;
}

export interface PushSubscriptionsTable {
  id: string;
  user_id: string;
  /** Whoever knows it can push there, so it is shown to nobody. */
  endpoint: string;
  /** Public key and secret of the browser, base64url. */
  p256dh: string;
  auth: string;
  expires_at: number | null;
  created_at: number;
}

/** What is to be pushed to one subscription, and for a day what was. */
export interface PushesTable {
  id: string;
  subscription_id: string;
  /** Of what has one tag only the latest is pushed, */
  tag: string;
  /** which is the one with the highest position. */
  position: number;
  /** JSON; empty once it was pushed. */
  payload: string;
  /** When it is tried next; null once it was pushed, or given up. */
  due_at: number | null;
  attempts: number;
  created_at: number;
}

export interface ApplicationStateTable {
  key: string;
  value: string;
}

export interface Schema {
  users: UsersTable;
  refresh_tokens: RefreshTokensTable;
  devices: DevicesTable;
  audit_log: AuditLogTable;
  user_blocks: UserBlocksTable;
  reports: ReportsTable;
  api_keys: ApiKeysTable;
  chats: ChatsTable;
  chat_members: ChatMembersTable;
  messages: MessagesTable;
  message_reactions: MessageReactionsTable;
  pending_mentions: PendingMentionsTable;
  streams: StreamsTable;
  stream_log: StreamLogTable;
  message_search: MessageSearchTable;
  message_search_positions: MessageSearchPositionsTable;
  notifications: NotificationsTable;
  posts: PostsTable;
  post_likes: PostLikesTable;
  post_comments: PostCommentsTable;
  follows: FollowsTable;
  friendships: FriendshipsTable;
  reviews: ReviewsTable;
  bookings: BookingsTable;
  auto_booking_rules: AutoBookingRulesTable;
  scheduled_runs: ScheduledRunsTable;
  tickets: TicketsTable;
  ticket_messages: TicketMessagesTable;
  canned_replies: CannedRepliesTable;
  projects: ProjectsTable;
  project_members: ProjectMembersTable;
  project_changes: ProjectChangesTable;
  orders: OrdersTable;
  order_keys: OrderKeysTable;
  uploads: UploadsTable;
  notification_preferences: NotificationPreferencesTable;
  push_subscriptions: PushSubscriptionsTable;
  pushes: PushesTable;
  application_state: ApplicationStateTable;
}
