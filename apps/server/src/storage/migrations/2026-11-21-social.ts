/** Posts, likes, comments, follows, friendships, reviews. Frozen: later changes are later files. */
import { sql, type Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  const now = db.schema;

  await now
    .createTable('posts')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('author_id', 'text', (c) => c.notNull())
    .addColumn('content', 'text', (c) => c.notNull())
    .addColumn('media_url', 'text')
    .addColumn('repost_of', 'text')
    .addColumn('likes_count', 'int8', (c) => c.notNull())
    .addColumn('comments_count', 'int8', (c) => c.notNull())
    .addColumn('reposts_count', 'int8', (c) => c.notNull())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .execute();
  await now.createIndex('posts_created').on('posts').columns(['created_at', 'id']).execute();
  await now.createIndex('posts_author').on('posts').columns(['author_id', 'created_at', 'id']).execute();
  await now.createIndex('posts_repost').on('posts').column('repost_of').where(sql.ref('repost_of'), 'is not', null).execute();
  // Passing on without a word happens once for each person and post, whichever of two requests comes first.
  await sql`create unique index posts_plain_repost on posts (author_id, repost_of) where repost_of is not null and content = ''`.execute(
    db,
  );

  await now
    .createTable('post_likes')
    .addColumn('post_id', 'text', (c) => c.notNull())
    .addColumn('user_id', 'text', (c) => c.notNull())
    .addColumn('liked', 'int8', (c) => c.notNull())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .addPrimaryKeyConstraint('post_likes_pk', ['post_id', 'user_id'])
    .execute();
  await now.createIndex('post_likes_user').on('post_likes').column('user_id').execute();

  await now
    .createTable('post_comments')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('post_id', 'text', (c) => c.notNull())
    .addColumn('author_id', 'text', (c) => c.notNull())
    .addColumn('content', 'text', (c) => c.notNull())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .execute();
  await now.createIndex('post_comments_post').on('post_comments').columns(['post_id', 'created_at', 'id']).execute();
  await now.createIndex('post_comments_author').on('post_comments').column('author_id').execute();

  await now
    .createTable('follows')
    .addColumn('author_id', 'text', (c) => c.notNull())
    .addColumn('user_id', 'text', (c) => c.notNull())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .addPrimaryKeyConstraint('follows_pk', ['author_id', 'user_id'])
    .execute();
  await now.createIndex('follows_user').on('follows').column('user_id').execute();

  await now
    .createTable('friendships')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('pair', 'text', (c) => c.notNull().unique())
    .addColumn('from_user_id', 'text', (c) => c.notNull())
    .addColumn('to_user_id', 'text', (c) => c.notNull())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .addColumn('accepted_at', 'int8')
    .execute();
  await now.createIndex('friendships_from').on('friendships').column('from_user_id').execute();
  await now.createIndex('friendships_to').on('friendships').column('to_user_id').execute();

  await now
    .createTable('reviews')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('user_id', 'text', (c) => c.notNull())
    .addColumn('author_id', 'text', (c) => c.notNull())
    .addColumn('rating', 'int8', (c) => c.notNull())
    .addColumn('content', 'text', (c) => c.notNull())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .execute();
  await now.createIndex('reviews_author').unique().on('reviews').columns(['author_id', 'user_id']).execute();
  await now.createIndex('reviews_user').on('reviews').column('user_id').execute();
}
