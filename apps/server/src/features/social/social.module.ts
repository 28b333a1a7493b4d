import { Module, type OnModuleInit } from '@nestjs/common';
import { ChatsModule } from '../chats/chats.module.ts';
import { NotificationsModule } from '../notifications/notifications.module.ts';
import { UsersService } from '../users/users.service.ts';
import { ChatMentions } from './chat-mentions.service.ts';
import { FollowDirectory } from './follow-directory.ts';
import { FollowsService } from './follows.service.ts';
import { FriendsService } from './friends.service.ts';
import { MentionsService } from './mentions.service.ts';
import { OpenPosts } from './open-posts.ts';
import { PeopleController } from './people.controller.ts';
import { PostsController } from './posts.controller.ts';
import { PostsService } from './posts.service.ts';
import { ReviewsService } from './reviews.service.ts';
import { SocialContacts } from './social-contacts.ts';
import { SocialEmitter } from './social.emitter.ts';
import { SocialErasure } from './social-erasure.service.ts';
import { V2SocialGateway } from './v2-social.gateway.ts';

@Module({
  imports: [ChatsModule, NotificationsModule],
  providers: [
    FollowDirectory,
    OpenPosts,
    MentionsService,
    PostsService,
    FollowsService,
    FriendsService,
    ReviewsService,
    ChatMentions,
    SocialContacts,
    SocialErasure,
    SocialEmitter,
    V2SocialGateway,
  ],
  controllers: [PostsController, PeopleController],
  exports: [PostsService, FollowsService, FriendsService, ReviewsService],
})
export class SocialModule implements OnModuleInit {
  constructor(
    private readonly users: UsersService,
    private readonly erasure: SocialErasure,
  ) {}

  onModuleInit(): void {
    this.users.registerEraser((userId) => this.erasure.erase(userId));
    this.users.registerPart({ table: 'posts', person: 'author_id', order: ['id'] });
    this.users.registerPart({ table: 'post_likes', person: 'user_id', order: ['post_id'] });
    this.users.registerPart({ table: 'post_comments', person: 'author_id', order: ['id'] });
    this.users.registerPart({ table: 'follows', person: 'user_id', order: ['author_id'] });
    this.users.registerPart({ table: 'friendships', person: 'from_user_id', order: ['id'] });
    this.users.registerPart({ table: 'friendships', person: 'to_user_id', order: ['id'] });
    this.users.registerPart({ table: 'reviews', person: 'author_id', order: ['id'] });
    this.users.registerPart({ table: 'reviews', person: 'user_id', order: ['id'] });
  }
}
