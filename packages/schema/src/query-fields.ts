import * as z from 'zod/mini';

import { LIMITS } from './limits.ts';

/** A time as text, in any form of `parseMoment`; the handler reports the fault of any other text. */
export const time = z.string().check(z.minLength(1), z.maxLength(LIMITS.time_chars_max));
/** The zone of dates, `today` and `yesterday`, such as `America/New_York`. Default: UTC. */
export const zone = z.optional(z.string().check(z.minLength(1), z.maxLength(64)));
/** A text that is not empty. */
export const text = (bytesMax: number) => z.string().check(z.minLength(1), z.maxLength(bytesMax));
/** `true` or `false`. */
export const flag = z.pipe(
  z.enum(['true', 'false']),
  z.transform((value) => value === 'true'),
);
/** A whole number from 1. */
export const count = (max: number) =>
  z.pipe(
    z.string().check(z.regex(/^[0-9]{1,9}$/)),
    z.pipe(z.transform(Number), z.int().check(z.minimum(1), z.maximum(max))),
  );

/** Filters by series. */
export const series = {
  source: z.optional(text(LIMITS.source_bytes_max)),
  event_type: z.optional(text(LIMITS.event_type_bytes_max)),
};

/** One page of a listing. */
export const page = {
  limit: z.optional(count(LIMITS.page_items_max)),
  cursor: z.optional(text(2048)),
};
