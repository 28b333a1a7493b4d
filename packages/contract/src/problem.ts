/** REST errors: RFC 9457 problem details with Majlis's own `code` and `details` (contract §2). */
import { z } from 'zod';
import { ERRORS, type ErrorCode } from './errors.ts';

export const Problem = z
  .object({
    type: z.string().meta({ description: 'A link to the code in the error reference.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
    details: z.record(z.string(), z.unknown()).optional(),
    timestamp: z.string(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.output<typeof Problem>;
