import * as z from 'zod/mini';

import { LIMITS } from './limits.ts';
import type { Time } from './moment.ts';
import type { Field, FieldKind, TimeReading } from './question.ts';

/** Optional parts of a field. */
interface About {
  readonly example?: string | undefined;
  readonly placeholder?: string | undefined;
  readonly isExpression?: boolean | undefined;
}

type Needed = Required<Pick<About, 'example' | 'placeholder'>>;

interface Parts extends About {
  readonly doc: string;
  readonly wire: z.ZodMiniType;
  readonly json?: z.ZodMiniType | undefined;
  readonly time?: TimeReading | undefined;
  readonly values?: readonly string[] | undefined;
  readonly max?: number | undefined;
  readonly rule?: string | undefined;
}

function field<Given, Asked>(kind: FieldKind, parts: Parts, fallback?: Asked): Field<Given, Asked, false> {
  const { example = 'x', placeholder = kind, ...rest } = parts;
  return { kind, isRequired: false, fallback, example, placeholder, ...rest };
}

/** Makes a field required. */
export function required<Given, Asked>(one: Field<Given, Asked, false>): Field<Given, Exclude<Asked, undefined>, true> {
  const { types: _, fallback: __, ...rest } = one;
  return { ...rest, isRequired: true, fallback: undefined };
}

/** Gives a field a default. */
export function withDefault<Given, Asked>(
  one: Field<Given, Asked, false>,
  fallback: Exclude<Asked, undefined>,
): Field<Given, Exclude<Asked, undefined>, false> {
  const { types: _, ...rest } = one;
  return { ...rest, fallback };
}

/** Non-empty text of at most `charsMax` characters. */
export function text(charsMax: number, doc: string, about: About = {}): Field<string, string | undefined, false> {
  return field('text', { doc, wire: z.string().check(z.minLength(1), z.maxLength(charsMax)), ...about });
}

/** Time in any form of `parseMoment`. The engine parses it and explains what is wrong with others. */
const timeText = z.string().check(z.minLength(1), z.maxLength(LIMITS.time_chars_max));

/** A time. `time` is the form in which the engine gets it. */
export function timeField<Asked>(doc: string, time: TimeReading, fallback?: Asked): Field<Time, Asked, false> {
  return field('time', { doc, wire: timeText, time, example: '2025-12-28T00:00:00Z' }, fallback);
}

/** A time that is compared to the nanosecond. */
export function instant(doc: string): Field<Time, string | undefined, false> {
  return timeField(doc, 'utc');
}

/** A time in whole milliseconds. */
export function moment(doc: string): Field<Time, number | undefined, false> {
  return timeField(doc, 'ms');
}

/** A whole number from 1 to `max`. */
export function count(max: number, doc: string, about: About = {}): Field<number, number | undefined, false> {
  const wire = z.pipe(
    z.string().check(z.regex(/^[0-9]{1,9}$/)),
    z.pipe(z.transform(Number), z.int().check(z.minimum(1), z.maximum(max))),
  );
  return field('count', { doc, wire, max, example: '1', placeholder: 'n', ...about });
}

/** A whole number from 0 to 999,999,999. */
export function index(doc: string): Field<number, number, true> {
  const wire = z.pipe(z.string().check(z.regex(/^[0-9]{1,9}$/)), z.transform(Number));
  const rule = 'must be a whole number from 0';
  return required(field('count', { doc, wire, rule, example: '0', placeholder: 'n' }));
}

/** An id of a form that the kit gives. `rule` completes a sentence about a text of another form. */
export function id(
  isId: (text: string) => boolean,
  doc: string,
  about: Needed & { readonly rule: string },
): Field<string, string, true> {
  return required(field('text', { doc, wire: z.string().check(z.refine(isId)), ...about }));
}

/** A number of milliseconds from 1. */
export function durationMs(max: number, doc: string): Field<number, number | undefined, false> {
  return count(max, doc, { placeholder: 'ms' });
}

/** Yes or no. Default: no. */
export function toggle(doc: string): Field<boolean, boolean, false> {
  const wire = z.pipe(
    z.enum(['true', 'false']),
    z.transform((value) => value === 'true'),
  );
  return field('switch', { doc, wire, example: 'true' }, false);
}

/** One of several words. */
export function choice<const W extends string>(
  values: readonly W[],
  doc: string,
  about: About = {},
): Field<W, W | undefined, false> {
  return field('choice', { doc, wire: z.enum([...values]), values, example: values[0] ?? '', ...about });
}

/** Several of several words, comma-separated in a URL. */
export function list<const W extends string>(
  values: readonly W[],
  doc: string,
  about: About = {},
): Field<readonly W[], readonly W[] | undefined, false> {
  const wire = z.pipe(
    z.string(),
    z.pipe(
      z.transform((value: string) => value.split(',')),
      z.array(z.enum([...values])).check(z.minLength(1), z.maxLength(values.length)),
    ),
  );
  return field('list', { doc, wire, values, example: values[0] ?? '', placeholder: 'names', ...about });
}

/** Several items of a form of their own, from 1 to `max`. */
export function items<T>(
  item: z.ZodMiniType<T>,
  doc: string,
  { max, ...about }: About & { readonly max: number },
): Field<readonly T[], readonly T[] | undefined, false> {
  const json = z.array(item).check(z.minLength(1), z.maxLength(max));
  const wire = z.pipe(
    z.pipe(
      z.string(),
      z.transform((value): unknown[] => value.split(',')),
    ),
    json,
  );
  return field('list', { doc, wire, json, max, ...about });
}

/** A text of a form, as a regular expression. */
export function formed(form: RegExp, doc: string, about: Needed): Field<string, string | undefined, false> {
  return field('text', { doc, wire: z.string().check(z.regex(form)), ...about });
}

/** The zone of dates. */
export const time_zone = withDefault(
  text(64, 'zone of dates, days and hours, such as America/New_York; default UTC', {
    placeholder: 'zone',
    example: 'UTC',
  }),
  'UTC',
);

/** Half-open range of a report in milliseconds. A missing bound leaves that end open. */
export const range = {
  start_time: timeField('start of the range', 'ms-up', Number.NEGATIVE_INFINITY),
  end_time: timeField('end of the range (exclusive)', 'ms-up', Number.POSITIVE_INFINITY),
};

/** Receive time as of which the answer holds. */
export const as_of = moment('as known at this receive time');

/** Filters by series. */
export const series = {
  source: text(LIMITS.source_bytes_max, 'only this source', { placeholder: 'source' }),
  event_type: text(LIMITS.event_type_bytes_max, 'only this event type', { placeholder: 'type' }),
};

/** Position of the next page. */
export const cursor = text(2048, 'cursor of the next page, from the page before; keep the other options', {
  placeholder: 'cursor',
});

/** Page of a listing. */
export const page = {
  limit: withDefault(count(LIMITS.page_items_max, 'items of one page'), LIMITS.page_items_default),
  cursor,
};

/** Page of a report. */
export const reportPage = {
  limit: withDefault(count(LIMITS.report_groups_max, 'groups, days or gaps of one page'), LIMITS.report_groups_max),
  cursor,
};

/** Time that the range refers to. */
export const basis = withDefault(
  choice(['event', 'received'], 'time that the range refers to: event or received', { placeholder: 'basis' }),
  'event',
);

/** Include backfilled events. */
export const include_imported = toggle('count backfilled events too');

/** Dimensions of a report's groups. */
export const dimensions = withDefault(
  list(['source', 'event_type', 'day', 'hour'], 'source, event_type, day, hour; comma-separated', {
    placeholder: 'dimensions',
  }),
  ['source', 'event_type'],
);

/** Dimensions of a report's series. */
export const seriesDimensions = withDefault(
  list(['source', 'event_type'], 'source, event_type; comma-separated', { placeholder: 'dimensions' }),
  ['source', 'event_type'],
);

/** Fields of every report about a range of events. */
export const report = { ...range, as_of, time_zone, ...series, by: dimensions };
