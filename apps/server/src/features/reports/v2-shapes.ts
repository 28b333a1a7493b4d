/** Reports as the v2 surface shows them. */
import type { v2 } from '@majlis/contract';
import { isoTime } from '../../iso-time.ts';
import type { ReportRecord } from './reports.service.ts';

export function toV2Report(report: ReportRecord): v2.Report {
  return {
    id: report.id,
    reporter_id: report.reporterId,
    user_id: report.userId,
    chat_id: report.chatId,
    message_id: report.messageId,
    reason: report.reason,
    created_at: isoTime(report.createdAt),
    resolved_at: report.resolvedAt === null ? null : isoTime(report.resolvedAt),
    resolved_by: report.resolvedBy,
    resolution: report.resolution,
  };
}
