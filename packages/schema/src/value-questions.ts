import { changeExplanationSchema } from './change.ts';
import { computedSchema, metricListSchema, versionPageSchema } from './history.ts';
import { LIMITS } from './limits.ts';
import type { Time } from './moment.ts';
import { as_of, count, cursor, page, required, text, time_zone, timeField, withDefault } from './query-fields.ts';
import { defineQuestion, type Field } from './question.ts';

const shared = { scope: 'investigate', audit: 'read' } as const;

const value = {
  metric: required(
    text(64, 'its name: daily_event_count, or one of pik.config.ts', {
      placeholder: 'metric',
      example: 'daily_event_count',
    }),
  ),
  // The longest key is a JSON array of two ids with quotes, escapes and a comma.
  key: required(text(2048, 'entity id, source, JSON array of source and type, or all', { placeholder: 'key' })),
};

/** A time, or a date such as `2018-02-03` in the metric's own zone. */
const window_start: Field<Time, string | undefined, false> = text(
  LIMITS.time_chars_max,
  'start of the window, or the date of a day',
  { placeholder: 'start', example: '2025-12-28' },
);

/** One of the two values of a change: a version, the value as of a receive time, or the current value. */
export type ChangeSideQuery =
  | { readonly kind: 'VERSION'; readonly version: number }
  | { readonly kind: 'AS_OF'; readonly asOfMs: number }
  | { readonly kind: 'NOW' };

const side = (doc: string): Field<Time | number, ChangeSideQuery | undefined, false> => ({
  ...timeField<ChangeSideQuery | undefined>(doc, 'side'),
  types: undefined,
  example: 'now',
  placeholder: 'side',
});

/** Which metrics does this server compute? */
export const metricListQuestion = defineQuestion({
  ...shared,
  name: 'metricList',
  path: '/aggregates',
  exposes: 'nothing',
  form: 'whole',
  summary: 'The metrics that this server computes.',
  query: {},
  answer: metricListSchema,
});

/** What is a value now, or as it was known at a receive time? */
export const computeQuestion = defineQuestion({
  ...shared,
  name: 'compute',
  path: '/aggregates/compute',
  exposes: 'payload',
  form: 'whole',
  summary: 'A value now, or as known at a receive time; computed without writing.',
  query: { ...value, window_start: required(window_start), as_of, time_zone },
  answer: computedSchema,
});

/** What was known of a value, and when? Of one window, or of all windows of a metric and key. */
export const versionsQuestion = defineQuestion({
  ...shared,
  name: 'versions',
  path: '/aggregates/versions',
  exposes: 'payload',
  form: 'listing',
  summary: 'The versions of a value, oldest first: what was known, and when.',
  query: { ...value, window_start, ...page },
  answer: versionPageSchema,
  pages: ['versions'],
});

/** Why did a value change? Without sides: from the version before the latest to the latest. */
export const explainChangeQuestion = defineQuestion({
  ...shared,
  name: 'explainChange',
  path: '/aggregates/explain',
  exposes: 'payload',
  form: 'whole',
  summary: 'Explain why a value changed: between two versions, two receive times, or until now.',
  query: {
    ...value,
    window_start: required(window_start),
    from: side('number of a version, receive time, or now; default: the version before the latest'),
    to: side('the same; default: the latest version, or now if from is given'),
    time_zone,
    limit: withDefault(
      count(LIMITS.page_items_max, 'maximum number of listed events and units'),
      LIMITS.change_items_default,
    ),
    cursor,
  },
  answer: changeExplanationSchema,
  check: ({ from, to }) =>
    from === undefined && to !== undefined ? { field: 'from', rule: 'is required with to' } : null,
});
