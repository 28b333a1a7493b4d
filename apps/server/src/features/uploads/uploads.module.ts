import { Module, type OnModuleInit } from '@nestjs/common';
import { join } from 'node:path';
import { SETTINGS } from '../../config/config.module.ts';
import type { Settings } from '../../config/settings.ts';
import type { Logger } from 'pino';
import { LOGGER } from '../../logger.ts';
import { UsersService } from '../users/users.service.ts';
import { BLOBS, type BlobStore } from './blob-store.ts';
import { LocalBlobs } from './local-blobs.ts';
import { S3Blobs } from './s3-blobs.ts';
import { Thumbnails } from './thumbnails.ts';
import { UploadsController } from './uploads.controller.ts';
import { UploadsService } from './uploads.service.ts';

function blobStore(settings: Settings, logger: Logger): BlobStore {
  const { S3_ENDPOINT: endpoint, S3_REGION: region, S3_BUCKET: bucket } = settings;
  const { S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey } = settings;
  // The settings are checked: all of them, or none.
  return endpoint && bucket && accessKeyId && secretAccessKey
    ? new S3Blobs({ endpoint, region, bucket, accessKeyId, secretAccessKey }, logger)
    : new LocalBlobs(join(settings.DATA_DIR, 'uploads'));
}

@Module({
  providers: [{ provide: BLOBS, inject: [SETTINGS, LOGGER], useFactory: blobStore }, Thumbnails, UploadsService],
  controllers: [UploadsController],
})
export class UploadsModule implements OnModuleInit {
  constructor(
    private readonly users: UsersService,
    private readonly uploads: UploadsService,
  ) {}

  onModuleInit(): void {
    this.users.registerEraser((userId) => this.uploads.erase(userId));
    this.users.registerPart({ table: 'uploads', person: 'user_id', order: ['key'] });
  }
}
