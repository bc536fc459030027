import * as z from 'zod/mini';

import { parseEventId } from './identity.ts';
import { LIMITS } from './limits.ts';
import { isPackId } from './pack.ts';
import { payloadValue } from './payload-value.ts';
import {
  as_of,
  choice,
  cursor,
  id,
  index,
  instant,
  moment,
  page,
  range,
  required,
  series,
  text,
  time_zone,
} from './query-fields.ts';
import { defineQuestion } from './question.ts';
import { selectionPageSchema } from './replay.ts';
import {
  eventExplanationSchema,
  receiptSchema,
  rejectPageSchema,
  timelinePageSchema,
  verifyPageSchema,
} from './reports.ts';

const shared = { scope: 'investigate', audit: 'read' } as const;

const entity_id = text(LIMITS.entity_id_bytes_max, 'this entity', { placeholder: 'id' });
/** Range to the nanosecond, since an entity's events are ordered to the nanosecond. */
const exactRange = {
  start_time: instant('start of the range'),
  end_time: instant('end of the range (exclusive)'),
};
const include = choice(
  ['body', 'deliveries'],
  'stream the raw events as NDJSON, closed by an {"end":true} line; deliveries: with their further receipts',
);

const event_id = id((text) => parseEventId(text) !== null, 'id of the event', {
  rule: 'is not an event id: an event id has 47 characters of 0-9 and a-v',
  placeholder: 'id',
  example: '0'.repeat(47),
});
const pack_id = id(isPackId, 'id of the pack', {
  rule: 'is not the id of a pack',
  placeholder: 'id',
  example: '01890a5d-ac96-774b-bcce-b302099a8057',
});

/** What happened to one event? */
export const eventQuestion = defineQuestion({
  ...shared,
  name: 'event',
  path: '/events/:event_id',
  audit: 'sensitive',
  exposes: 'payload',
  form: 'whole',
  summary: 'Explain what happened to this event.',
  params: { event_id },
  query: { as_of, time_zone },
  answer: eventExplanationSchema,
});

/** What happened to the event with this key, or of this entity at this time? */
export const eventByKeyQuestion = defineQuestion({
  ...shared,
  name: 'eventByKey',
  path: '/events',
  audit: 'sensitive',
  exposes: 'payload',
  form: 'whole',
  summary: 'Explain what happened to the event with this key, or of this entity at this time.',
  query: {
    ...series,
    entity_id: required(entity_id),
    key: text(LIMITS.idempotency_key_bytes_max, 'idempotency key, with source and event type', { placeholder: 'key' }),
    event_time: instant('event time, with an entity'),
    as_of,
    time_zone,
  },
  answer: eventExplanationSchema,
  check: ({ source, event_type, key, event_time }) => {
    const fault = (field: string, rule: string) => ({ field, rule });
    if (key !== undefined) {
      if (event_time !== undefined) return fault('event_time', 'cannot be given together with key');
      if (source === undefined) return fault('source', 'is required together with key');
      return event_type === undefined ? fault('event_type', 'is required together with key') : null;
    }
    if (event_time === undefined) return fault('event_time', 'is required unless key is given');
    if (source !== undefined) return fault('source', 'is used together with key only');
    return event_type === undefined ? null : fault('event_type', 'is used together with key only');
  },
});

const hashes = z.array(z.string());

/** A proof that a line is in the signed log: the format `pik-case/1`. Hashes are in hexadecimal digits. */
export const eventProofSchema = z.object({
  format: z.literal('pik-case/1'),
  event_id: z.string(),
  pack_id: z.string(),
  line: z.number(),
  text: payloadValue(z.string(), 'line'),
  salt: z.string(),
  group: hashes,
  pack_path: hashes,
  outcomes: z.string(),
  pack_index: z.number(),
  hour_path: hashes,
  entry: z.string(),
  entry_index: z.number(),
  log_path: hashes,
  checkpoint: z.string(),
  key: z.string(),
});

/** A proof that a line is in the signed log. */
export type EventProof = z.infer<typeof eventProofSchema>;

/** Was this event in the log when the last checkpoint was signed? */
export const proofQuestion = defineQuestion({
  ...shared,
  name: 'proof',
  path: '/events/:event_id/proof',
  audit: 'sensitive',
  exposes: 'payload',
  form: 'whole',
  summary: 'Prove that the first receipt of this event is in the signed log.',
  params: { event_id },
  query: {},
  answer: eventProofSchema,
});

/** What was received, byte for byte? */
export const receiptQuestion = defineQuestion({
  ...shared,
  name: 'receipt',
  path: '/receipts/:pack_id/:line',
  audit: 'sensitive',
  exposes: 'payload',
  form: 'whole',
  summary: 'The received bytes of one receipt; with Accept: application/json its envelope.',
  params: { pack_id, line: index('line of the receipt in its pack') },
  query: {},
  answer: receiptSchema,
});

/** Which events does an entity have? */
export const timelineQuestion = defineQuestion({
  ...shared,
  name: 'timeline',
  path: '/timeline',
  exposes: 'payload',
  form: 'listing',
  lines: 'included',
  summary: 'The events of an entity in order of event time.',
  query: { entity_id: required(entity_id), ...exactRange, as_of, time_zone, include, ...page },
  answer: timelinePageSchema,
  pages: ['events'],
});

/** Which events does a time range have, of all entities? */
export const selectionQuestion = defineQuestion({
  ...shared,
  name: 'selection',
  path: '/selection',
  exposes: 'payload',
  form: 'listing',
  lines: 'included',
  summary: 'Events of a time range by source or type, in the order in which a replay reads them.',
  query: {
    ...series,
    start_time: required(exactRange.start_time),
    end_time: required({ ...exactRange.end_time, example: '2025-12-29T00:00:00Z' }),
    received_from: instant('only first received at or after this time'),
    received_to: instant('only first received before this time'),
    as_of,
    time_zone,
    include,
    ...page,
  },
  answer: selectionPageSchema,
  pages: ['events'],
  check: ({ received_from, received_to }) =>
    received_from !== undefined && received_to !== undefined && received_from >= received_to
      ? { field: 'received_from', rule: 'must lie before received_to' }
      : null,
});

/** What was rejected, and why? Newest day first. */
export const rejectsQuestion = defineQuestion({
  ...shared,
  name: 'rejects',
  path: '/rejects',
  exposes: 'payload',
  form: 'listing',
  lines: 'included',
  summary: 'Rejected receipts and conflicts, with the address of their bytes.',
  query: {
    ...range,
    time_zone,
    code: text(64, 'only those with this code', { placeholder: 'code' }),
    include: choice(['body'], 'stream them as NDJSON with their received text, closed by an {"end":true} line'),
    ...series,
    ...page,
  },
  answer: rejectPageSchema,
  pages: ['rejects'],
});

/** Do log, index and versions agree? */
export const verifyQuestion = defineQuestion({
  ...shared,
  name: 'verify',
  path: '/verify',
  exposes: 'ids',
  form: 'listing',
  summary: 'Compare log, index and closed hours, a part of a stored day per call.',
  query: {
    since: moment('only packs and closed hours stored since then; skips index rows and versions'),
    cursor,
  },
  answer: verifyPageSchema,
});
