import * as z from 'zod/mini';

import { type BodyBy, defineAction } from './action.ts';
import { reingestAnswerSchema } from './failures.ts';
import { monitorViewSchema } from './incidents.ts';
import { LIMITS } from './limits.ts';
import { count, formed, instant, items, required, series, text, toggle } from './query-fields.ts';
import { redriveAnswerSchema, replayAnswerSchema, replayPlanSchema, replayViewSchema } from './replay.ts';
import { replayByIdQuestion } from './replay-questions.ts';

const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const SHA256 = /^[0-9a-f]{64}$/;
const word = (charsMax: number) => z.string().check(z.minLength(1), z.maxLength(charsMax));

/** Sends past events again: a new replay, a dry run, or with `replay_id` and `cursor` the next part of a running one. */
export const replayAction = defineAction({
  name: 'replay',
  path: '/replay',
  scope: 'replay',
  exposes: 'payload',
  form: 'job',
  summary: 'Send past events again, or with dry_run predict what that would change.',
  body: {
    entity_id: text(LIMITS.entity_id_bytes_max, 'events of this entity', { placeholder: 'id' }),
    ...series,
    event_ids: items(z.string().check(z.length(47)), 'this event, without a time range; may be given several times', {
      max: LIMITS.replay_event_ids_max,
      placeholder: 'id',
      example: '0'.repeat(47),
    }),
    start_time: instant('first event time'),
    end_time: instant('end of the range of event times (exclusive)'),
    received_from: instant('only first received at or after this time'),
    received_to: instant('only first received before this time'),
    metrics: items(word(64), 'recompute only windows of this metric; may be given several times', {
      max: 100,
      placeholder: 'metric',
    }),
    as_of: instant('only events received by then; default now'),
    limit: count(LIMITS.replay_events_per_call_max, 'maximum number of events per call; default 10,000'),
    include_duplicates: toggle('also send repeated receipts; they change no value'),
    dry_run: toggle('predict the new values without sending anything'),
    reason: text(LIMITS.reason_chars_max, 'why; recorded with who and when', { placeholder: 'text' }),
    replay_id: formed(UUID7, 'UUIDv7 that the caller makes: the same id twice is one replay', {
      placeholder: 'id',
      example: '01890a5d-ac96-774b-bcce-b302099a8057',
    }),
    cursor: text(4096, 'cursor of the next part, from the part before', { placeholder: 'cursor' }),
    plan_hash: formed(SHA256, 'hash of a dry run: nothing is sent if the selection or a version has changed since', {
      placeholder: 'hash',
      example: '0'.repeat(64),
    }),
  },
  answer: z.union([replayAnswerSchema, replayPlanSchema]),
});

/** The body of `POST /replay`. Times may be in any form of `parseMoment` there. */
export type ReplayBody = BodyBy<(typeof replayAction)['bodyFields']>;

/** Stops sending a replay. */
export const replayCancelAction = defineAction({
  name: 'replayCancel',
  path: '/replays/:replay_id/cancel',
  scope: 'replay',
  exposes: 'payload',
  form: 'whole',
  summary: 'Stop sending a replay; the windows it touched are still recomputed.',
  params: replayByIdQuestion.params,
  answer: replayViewSchema,
});

/** Puts dead letters back into the queue. */
export const redriveAction = defineAction({
  name: 'redrive',
  path: '/dead-letters/redrive',
  scope: 'replay',
  exposes: 'ids',
  form: 'whole',
  summary: 'Put dead letters back into the queue.',
  body: {
    message_ids: items(word(200), 'only these messages; default all of them', {
      max: LIMITS.page_items_max,
      placeholder: 'id',
    }),
  },
  answer: redriveAnswerSchema,
});

const monitorName = {
  name: required(formed(/^[\w.-]{1,64}$/, 'name of the monitor', { placeholder: 'name', example: 'orders-silent' })),
};

/** Mutes a monitor. */
export const muteMonitorAction = defineAction({
  name: 'muteMonitor',
  path: '/monitors/:name/mute',
  scope: 'operate',
  exposes: 'ids',
  form: 'whole',
  summary: 'Send nothing about new incidents of a monitor for a while.',
  params: monitorName,
  body: {
    minutes: count(LIMITS.mute_minutes_max, 'for this many minutes; default an hour'),
    reason: text(LIMITS.reason_chars_max, 'why; recorded with who', { placeholder: 'text' }),
  },
  answer: monitorViewSchema,
});

/** The body of `POST /monitors/:name/mute`. */
export type MuteBody = BodyBy<(typeof muteMonitorAction)['bodyFields']>;

/** Ends the muting of a monitor. */
export const unmuteMonitorAction = defineAction({
  name: 'unmuteMonitor',
  path: '/monitors/:name/unmute',
  scope: 'operate',
  exposes: 'ids',
  form: 'whole',
  summary: 'Unmute a monitor; alerts of incidents that still fire are sent.',
  params: monitorName,
  answer: monitorViewSchema,
});

/** Sends rejected receipts again. */
export const reingestAction = defineAction({
  name: 'reingest',
  path: '/rejects/reingest',
  scope: 'ingest',
  alsoScope: 'investigate',
  exposes: 'ids',
  form: 'whole',
  summary: 'Send rejected receipts again after a fix; each keeps a link to the original.',
  body: {
    receipts: required(
      items(
        z.strictObject({
          pack_id: z.string(),
          line: z.int().check(z.minimum(0)),
          /** The mended record. Without it the received bytes are read again under today's rules. */
          body: z.optional(word(LIMITS.event_bytes_max)),
        }),
        'rejected receipts: pack_id, line, and with body the mended record',
        { max: LIMITS.reingest_receipts_max },
      ),
    ),
  },
  query: { dry_run: toggle('show the outcome that each would have; store and count nothing') },
  answer: reingestAnswerSchema,
});

/** The body of `POST /rejects/reingest`. */
export type ReingestBody = BodyBy<(typeof reingestAction)['bodyFields']>;
