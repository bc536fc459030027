import * as z from 'zod/mini';

import { LIMITS } from './limits.ts';
import { payloadValue } from './payload-value.ts';
import { page, range, text } from './query-fields.ts';
import { type AnswerOf, defineQuestion } from './question.ts';
import { cutFields } from './report-range.ts';

/**
 * READ: an answer was ready; it left after this record was durable. ACT: an action was about to begin. ACTED: it ended. LOST: answers
 * left whose records could not be written.
 */
export const AUDIT_KINDS = ['READ', 'ACT', 'ACTED', 'LOST'] as const;

/** A question or an action: who, what and when. */
export const auditRecordSchema = z.object({
  recorded_at: z.string(),
  kind: z.enum(AUDIT_KINDS),
  /** The same in the ACT and the ACTED of one action, and in the request log. Null for LOST. */
  request_id: z.nullable(z.string()),
  /** The name of the route, such as `event` or `replay`. Null for LOST. */
  route: z.nullable(z.string()),
  /** The name of the key. */
  principal: z.nullable(z.string()),
  /** The person or service that answers for the key; null if none is declared. */
  owner: z.nullable(z.string()),
  /** The declared fields of the question as they were asked, without expressions, and without records that a body carries. */
  asked: z.record(z.string(), z.string()),
  /** Expressions and paths as they were asked, by field. They may have values from payloads. */
  searched: z.record(z.string(), payloadValue(z.string())),
  /** The HTTP status; null before an action has ended. */
  status: z.nullable(z.int()),
  /** The code of the error; null if there was none. */
  code: z.nullable(z.string()),
  duration_ms: z.nullable(z.number()),
  /** LOST: the number of records that could not be written; otherwise 0. */
  lost: z.int(),
});

/** A question or an action: who, what and when. */
export type AuditRecord = z.infer<typeof auditRecordSchema>;

/** Who looked at what, and who did what? The latest first. */
export const auditQuestion = defineQuestion({
  name: 'audit',
  path: '/audit',
  scope: 'audit',
  audit: 'read',
  exposes: 'payload',
  form: 'listing',
  summary: 'Records of questions and actions, with who and when; the latest first.',
  query: {
    ...range,
    principal: text(64, 'only by the key of this name', { placeholder: 'name' }),
    owner: text(200, 'only by keys of this owner', { placeholder: 'owner' }),
    route: text(64, 'only this question or action, such as event or replay', { placeholder: 'route' }),
    value: text(LIMITS.audit_value_chars_max, 'only with exactly this value in a field, such as the id of an entity', {
      placeholder: 'value',
    }),
    ...page,
  },
  answer: z.object({ records: z.array(auditRecordSchema), next_cursor: z.nullable(z.string()), ...cutFields }),
  pages: ['records'],
});

/** A page of the audit. */
export type AuditPage = AnswerOf<typeof auditQuestion>;
