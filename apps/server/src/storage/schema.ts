/**
 * The tables as both engines have them. Portable on purpose: ids and JSON are text, times are integers of milliseconds,
 * booleans are 0 or 1.
 */
import type { allawzi, khawam, v2 } from '@majlis/contract';
import type {
  ChatsTable,
  ChatMembersTable,
  MessagesTable,
  MessageReactionsTable,
  PendingMentionsTable,
  MessageSearchTable,
  MessageSearchPositionsTable,
} from './schema-chats.ts';
import type {
  PostsTable,
  PostLikesTable,
  PostCommentsTable,
  FollowsTable,
  FriendshipsTable,
  ReviewsTable,
  BookingsTable,
  AutoBookingRulesTable,
} from './schema-social.ts';
import type {
  UsersTable,
  RefreshTokensTable,
  DevicesTable,
  AuditLogTable,
  UserBlocksTable,
  ReportsTable,
  ApiKeysTable,
} from './schema-users.ts';

export type * from './schema-chats.ts';
export type * from './schema-social.ts';
export type * from './schema-users.ts';

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
  /** The message whose words it gives. */
  quoted_message_id: string | null;
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
