import { Module, type OnApplicationBootstrap } from '@nestjs/common';
import { Drain } from '../../http/drain.ts';
import { ChatsModule } from '../chats/chats.module.ts';
import { SearchIndexer } from './search-indexer.ts';
import { SearchController } from './search.controller.ts';
import { SearchService } from './search.service.ts';

@Module({
  imports: [ChatsModule],
  providers: [SearchIndexer, SearchService],
  controllers: [SearchController],
})
export class SearchModule implements OnApplicationBootstrap {
  constructor(
    private readonly indexer: SearchIndexer,
    private readonly drain: Drain,
  ) {}

  onApplicationBootstrap(): void {
    this.drain.onDrain(() => this.indexer.stop());
    this.indexer.start();
  }
}
