import { Module, type OnModuleInit } from '@nestjs/common';
import { join } from 'node:path';
import { SETTINGS } from '../../config/config.module.ts';
import type { Settings } from '../../config/settings.ts';
import { UsersService } from '../users/users.service.ts';
import { BLOBS, type BlobStore } from './blob-store.ts';
import { LocalBlobs } from './local-blobs.ts';
import { Thumbnails } from './thumbnails.ts';
import { UploadsController } from './uploads.controller.ts';
import { UploadsService } from './uploads.service.ts';

const blobStore = ({ DATA_DIR }: Settings): BlobStore => new LocalBlobs(join(DATA_DIR, 'uploads'));

@Module({
  providers: [{ provide: BLOBS, inject: [SETTINGS], useFactory: blobStore }, Thumbnails, UploadsService],
  controllers: [UploadsController],
})
export class UploadsModule implements OnModuleInit {
  constructor(
    private readonly users: UsersService,
    private readonly uploads: UploadsService,
  ) {}

  onModuleInit(): void {
    this.users.registerEraser((userId) => this.uploads.erase(userId));
  }
}
