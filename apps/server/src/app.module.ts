import { Module, type DynamicModule } from '@nestjs/common';
import type { Logger } from 'pino';
import { AuthModule } from './auth/auth.module.ts';
import { ClusterModule } from './cluster/cluster.module.ts';
import { ConfigModule } from './config/config.module.ts';
import type { Settings } from './config/settings.ts';
import { DemoModule } from './demo/demo.module.ts';
import { AdminModule } from './features/admin/admin.module.ts';
import { AuditModule } from './features/audit/audit.module.ts';
import { BookingsModule } from './features/bookings/bookings.module.ts';
import { ChatsModule } from './features/chats/chats.module.ts';
import { ConnectionModule } from './features/connection/connection.module.ts';
import { NotificationsModule } from './features/notifications/notifications.module.ts';
import { OrdersModule } from './features/orders/orders.module.ts';
import { ProjectsModule } from './features/projects/projects.module.ts';
import { PresenceModule } from './features/presence/presence.module.ts';
import { ReportsModule } from './features/reports/reports.module.ts';
import { SearchModule } from './features/search/search.module.ts';
import { SocialModule } from './features/social/social.module.ts';
import { SupportModule } from './features/support/support.module.ts';
import { SyncModule } from './features/sync/sync.module.ts';
import { UploadsModule } from './features/uploads/uploads.module.ts';
import { UserSocketsModule } from './features/users/user-sockets.module.ts';
import { UsersModule } from './features/users/users.module.ts';
import { DocsModule } from './http/docs.module.ts';
import { MetricsModule } from './http/metrics.module.ts';
import type { HttpEntry } from './http/http-entry.ts';
import { HttpModule } from './http/http.module.ts';
import { LogModule } from './log/log.module.ts';
import { LoggerModule } from './logger.ts';
import { LimitsModule } from './realtime/limits.module.ts';
import { RealtimeModule } from './realtime/realtime.module.ts';
import { SchedulingModule } from './scheduling/scheduling.module.ts';
import { StorageModule } from './storage/storage.module.ts';

/** What exists before the modules do. */
export interface Foundation {
  settings: Settings;
  logger: Logger;
  entry: HttpEntry;
}

@Module({})
export class AppModule {
  static with({ settings, logger, entry }: Foundation): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.with(settings),
        LoggerModule.with(logger),
        StorageModule,
        ClusterModule,
        LogModule,
        SchedulingModule,
        LimitsModule,
        HttpModule.with(entry),
        DocsModule,
        MetricsModule,
        AuditModule,
        AuthModule,
        UsersModule,
        RealtimeModule,
        AdminModule,
        ReportsModule,
        SyncModule,
        UserSocketsModule,
        PresenceModule,
        ChatsModule,
        NotificationsModule,
        SupportModule,
        ProjectsModule,
        SearchModule,
        OrdersModule,
        UploadsModule,
        SocialModule,
        BookingsModule,
        ConnectionModule,
        DemoModule,
      ],
    };
  }
}
