import type * as z from 'zod/mini';

const marked = new WeakSet<object>();

/**
 * Marks a part of an answer that may contain values from payloads, so that one encoder can mask it in every output. Pass a schema
 * that is used nowhere else.
 *
 * @example
 * import { payloadValue } from '@pik/schema';
 * import * as z from 'zod/mini';
 *
 * z.object({ event_id: z.string(), body: payloadValue(z.string()) })
 */
export function payloadValue<S extends z.ZodMiniType>(schema: S): S {
  marked.add(schema);
  return schema;
}

/** Returns whether `payloadValue` marked a schema. */
export function isPayloadValue(schema: object): boolean {
  return marked.has(schema);
}
