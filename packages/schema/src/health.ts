import * as z from 'zod/mini';

/** The state of a server that can ingest. A server that cannot answers 503 with the reason. */
export const healthSchema = z.object({
  status: z.literal('ok'),
  /** A fault of the server's clock, if one is known. */
  clock: z.optional(z.string()),
  version: z.optional(z.string()),
  uptime_s: z.optional(z.number()),
  /** Events in the index. */
  events: z.optional(z.int()),
  /** Messages of replays that wait or are in work. */
  queue_depth: z.optional(z.int()),
  dead_letters: z.optional(z.int()),
  disk_free_bytes: z.optional(z.number()),
  /** Seconds since the last live event was received; null if there is none. */
  last_event_age_s: z.optional(z.nullable(z.number())),
  /** Seconds since the last sweep ended; null if none has ended yet. */
  last_sweep_age_s: z.optional(z.nullable(z.number())),
  /** Seconds since hours were last closed; null if that has not happened since the start. */
  last_compact_age_s: z.optional(z.nullable(z.number())),
  /** Threads that answer questions. */
  readers: z.optional(z.int()),
});

/** The state of a server that can ingest. */
export type Health = z.infer<typeof healthSchema>;

/** The part of it that only the process itself knows. */
export type ProcessHealth = Omit<Health, 'status' | 'clock'>;
