import { Controller } from '@nestjs/common';
import { v2, type AnswerOf, type InputOf } from '@majlis/contract';
import { z } from 'zod';
import { cursorsOf } from '../../http/cursor.ts';
import { Endpoint, Input } from '../../http/endpoint.ts';
import { isoTime } from '../../iso-time.ts';
import { AuditService, type AuditRecord } from './audit.service.ts';

const { auditRoutes: routes } = v2;

const cursors = cursorsOf('audit', z.string());

const present = ({ id, actor, action, subject, details, createdAt }: AuditRecord): v2.AuditEntry => ({
  id,
  actor_kind: actor.kind,
  actor_id: actor.id,
  action,
  subject,
  details,
  created_at: isoTime(createdAt),
});

/** The audit log by REST: for administrators and keys alone, as its declaration says. */
@Controller()
export class AuditController {
  constructor(private readonly audit: AuditService) {}

  @Endpoint(routes.list)
  async list(@Input() { query }: InputOf<typeof routes.list>): Promise<AnswerOf<typeof routes.list>> {
    const filter = { actorId: query.actor_id, action: query.action, subject: query.subject };
    const { entries, end } = await this.audit.list(filter, cursors.decode(query.cursor), query.limit);
    return { data: entries.map(present), next_cursor: cursors.encode(end) };
  }
}
