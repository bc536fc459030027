import type * as z from 'zod/mini';

/**
 * How a marked part is shown to a caller who may not see masked values. `hidden`: not at all. `record`: the received text of a record, without
 * its masked members. `line`: the stored line of a receipt, which is refused if its record has masked members. `place`: unless the `path`
 * next to it is a masked place. `metric`: unless the `metric` that it belongs to reads masked payloads. `fault`: the reason of
 * a failure, and for a failed window as `metric`. `checked`: as it is, since the question leaves masked places out.
 */
export type PayloadKind = 'hidden' | 'record' | 'line' | 'place' | 'metric' | 'fault' | 'checked';

const marked = new WeakMap<object, PayloadKind>();

/**
 * Marks a part of an answer that may contain values from payloads, so that one encoder can mask it in every output. Pass a schema
 * that is used nowhere else.
 *
 * @example
 * import { payloadValue } from '@pik/schema';
 * import * as z from 'zod/mini';
 *
 * z.object({ event_id: z.string(), body: payloadValue(z.string(), 'record') })
 */
export function payloadValue<S extends z.ZodMiniType>(schema: S, kind: PayloadKind = 'hidden'): S {
  marked.set(schema, kind);
  return schema;
}

/** The kind with which `payloadValue` marked a schema; null if it did not. */
export function payloadKind(schema: object): PayloadKind | null {
  return marked.get(schema) ?? null;
}
