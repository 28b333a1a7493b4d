import { Module } from '@nestjs/common';
import { ChatsModule } from '../features/chats/chats.module.ts';
import { DemoData } from './demo-data.ts';

@Module({ imports: [ChatsModule], providers: [DemoData] })
export class DemoModule {}
