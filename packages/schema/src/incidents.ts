import * as z from 'zod/mini';

import { MONITOR_KINDS, SEVERITIES } from './monitors.ts';
import { page } from './query-fields.ts';
import { type AnswerOf, defineQuestion } from './question.ts';
import { cutFields } from './report-range.ts';

/**
 * PENDING: its condition has not held long enough. FIRING: the sinks hear of it. RESOLVED: the condition has been gone long enough.
 */
export const INCIDENT_STATES = ['PENDING', 'FIRING', 'RESOLVED'] as const;

/** The last message about an incident that a sink has. */
export const NOTIFIED_STATES = ['NONE', 'FIRING', 'RESOLVED'] as const;

/** The last message about an incident that a sink has. */
export type Notified = (typeof NOTIFIED_STATES)[number];

const sentSchema = z.object({
  sink: z.string(),
  notified: z.enum(NOTIFIED_STATES),
  /** Attempts at the next message so far. */
  tries: z.int(),
  /** Why the last attempt failed; null if it did not. */
  fault: z.nullable(z.string()),
});

/** One condition of one monitor, from the moment it was seen until it is gone. */
export const incidentSchema = z.object({
  /** The key of the incident: the same in all its messages. UUIDv7. */
  incident_id: z.string(),
  monitor: z.string(),
  kind: z.enum(MONITOR_KINDS),
  severity: z.enum(SEVERITIES),
  state: z.enum(INCIDENT_STATES),
  /** Its subject, such as source and event type. */
  group: z.record(z.string(), z.string()),
  /** The fault, in one sentence. */
  sentence: z.string(),
  /** When it began by the evidence; null if that is unknown. */
  since: z.nullable(z.string()),
  /** When a check saw it first. */
  seen_at: z.string(),
  fired_at: z.nullable(z.string()),
  resolved_at: z.nullable(z.string()),
  /** The command that shows the evidence. */
  command: z.string(),
  /** The page of the console as of then; null if the server does not know its address. */
  link: z.nullable(z.string()),
  runbook: z.string(),
  sent: z.array(sentSchema),
});

/** One condition of one monitor. */
export type Incident = z.infer<typeof incidentSchema>;

/** A monitor and its open incidents. */
export const monitorViewSchema = z.object({
  name: z.string(),
  kind: z.enum(MONITOR_KINDS),
  severity: z.enum(SEVERITIES),
  /** Says when it rings. */
  watches: z.string(),
  /** OK, or FIRING; UNKNOWN: it could not be judged, or was never checked; RETIRED: the config no longer declares it. */
  state: z.enum(['OK', 'FIRING', 'UNKNOWN', 'RETIRED']),
  /** When it was last judged; null before. */
  checked_at: z.nullable(z.string()),
  /** Why the last check could not judge it; null if it could. */
  fault: z.nullable(z.string()),
  /** While it is muted no sink hears that an incident fires. */
  muted: z.nullable(z.object({ until: z.string(), by: z.nullable(z.string()), reason: z.nullable(z.string()) })),
  /** Pending and firing ones, and resolved ones of which a sink has not heard yet. */
  incidents: z.array(incidentSchema),
  /** Conditions beyond `monitor_incidents_max`, which have no incident. */
  left_out: z.int(),
});

/** A monitor and its open incidents. */
export type MonitorView = z.infer<typeof monitorViewSchema>;

const shared = { scope: 'investigate', audit: 'read', exposes: 'ids' } as const;

/** What is being watched, and what is wrong? */
export const monitorsQuestion = defineQuestion({
  ...shared,
  name: 'monitors',
  path: '/monitors',
  form: 'whole',
  summary: 'The monitors of this server, when each was last judged, and their open incidents.',
  query: {},
  answer: z.object({ as_of: z.string(), monitors: z.array(monitorViewSchema) }),
});

/** What was wrong? The latest first. */
export const incidentsQuestion = defineQuestion({
  ...shared,
  name: 'incidents',
  path: '/incidents',
  form: 'listing',
  summary: 'Incidents that have ended, the latest first.',
  query: page,
  answer: z.object({ incidents: z.array(incidentSchema), next_cursor: z.nullable(z.string()), ...cutFields }),
  pages: ['incidents'],
});

/** The monitors of a server. */
export type MonitorsAnswer = AnswerOf<typeof monitorsQuestion>;

/** A page of ended incidents. */
export type IncidentPage = AnswerOf<typeof incidentsQuestion>;
