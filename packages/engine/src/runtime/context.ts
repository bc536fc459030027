import { type Aggregate, dailyEventCount } from '@pik/aggregates';
import {
  checkDoors,
  type Doors,
  type IngestBatch,
  KitError,
  LIMITS,
  type MaskDeclaration,
  type MaskRules,
  maskOf,
  type VolatileDeclaration,
  type VolatileOf,
  volatileRules,
} from '@pik/schema';
import { createHooks, type Hooks } from '../ingest/hooks.ts';
import { type MappingSettings, mappingSettings } from '../ingest/rules/arrivals.ts';
import type { ArrivedRequest } from '../ingest/rules/arrived-request.ts';
import type { Parsers } from '../ingest/rules/parsed-request.ts';
import { maskRules } from '../mask/mask-rules.ts';
import type { Backend } from '../ports/backend.ts';
import { silentTelemetry, type Telemetry } from '../ports/telemetry.ts';
import { type Announcements, createAnnouncements } from './announcements.ts';
import { type Budget, type BudgetLimits, endlessBudget } from './budget.ts';
import { type ClockWatch, createClockWatch } from './clock-watch.ts';
import { createGroupQueue, type GroupQueue } from './group-queue.ts';
import { createIds } from './ids.ts';
import { createInFlight, type InFlight } from './in-flight.ts';
import { createLimiter, type Limiter } from './limiter.ts';
import { createQuestionClock, type QuestionClock } from './question-clock.ts';

/**
 * A waiting request takes its bytes; a parsed one takes several times as much. Enough to keep disk and processor busy.
 */
const PARSED_AT_ONCE = 4;

/** The context of every operation: the backend, the telemetry, and the settings of the operator. */
export interface Context {
  readonly backend: Backend;
  readonly telemetry: Telemetry;
  /** Creates pack, request and replay ids: UUIDv7 by the backend's clock, in order unless that clock is set back. */
  readonly newId: () => string;
  /** How long repeats are recognised after storage; `Infinity` means forever. The raw log must be kept longer. */
  readonly indexRetentionMs: number;
  /** The metrics by name. */
  readonly aggregates: ReadonlyMap<string, Aggregate>;
  /** Finds the members of payloads that are not content, for events received from now on. */
  readonly volatileOf: VolatileOf;
  /** Rules for callers without the scope `sensitive`; null without a mask, and within a question of any other caller. */
  readonly mask: MaskRules | null;
  /** The settings of mappings, for events received from now on. */
  readonly mappings: MappingSettings;
  readonly hooks: Hooks;
  /**
   * Grace period: events received up to T may appear in the index until T + `settleMs` if other processes ingest too.
   */
  readonly settleMs: number;
  /** The maximum number of events that one call of a replay or a dry run reads, whatever it asks for. */
  readonly replayEventsMax: number;
  readonly inFlight: InFlight;
  /** Announces the packs that this process admits. */
  readonly announcements: Announcements;
  /** Threads that parse requests; null if this one does it all. */
  readonly parsers: Parsers | null;
  /** Bounds the requests that are parsed at a time. */
  readonly parsing: Limiter;
  /** The requests that wait to be stored. */
  readonly groups: GroupQueue<ArrivedRequest, IngestBatch>;
  /** The time at which questions are asked. */
  readonly clock: QuestionClock;
  readonly watch: ClockWatch;
  /** The bounds of every question, where they differ from `LIMITS`. */
  readonly questions: BudgetLimits;
  /** The budget of this question; unlimited for background work. */
  readonly budget: Budget;
}

/** The parts and settings of a pipeline. */
export interface PipelineOptions {
  readonly backend: Backend;
  /** Receives counts and log lines. Default: discards them. */
  readonly telemetry?: Telemetry | undefined;
  /** How long repeats are recognised, in milliseconds after storage. Default: forever. */
  readonly indexRetentionMs?: number | undefined;
  /** The metrics, in addition to the built-in `daily_event_count`. */
  readonly aggregates?: readonly Aggregate[] | undefined;
  /**
   * Members of payloads that are not content, such as an attempt number. Each receipt stores the declaration that applied
   * when it arrived, so that it is always read the same way. Default: none.
   */
  readonly volatile?: readonly VolatileDeclaration[] | undefined;
  /** Members of payloads that only callers with the scope `sensitive` see. Default: none. */
  readonly mask?: readonly MaskDeclaration[] | undefined;
  /**
   * How events in the forms of other products are read. Each receipt stores what applied when it arrived, so that it is always
   * read the same way. Default: the defaults of each.
   */
  readonly doors?: Doors | undefined;
  /** The variables that hold the secrets of webhooks. Default: those of the process. */
  readonly variables?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * Milliseconds after which an answer as of a time is final although other processes ingest too: the maximum duration of
   * a request, plus the difference between their clocks. Default 0: only this process ingests.
   */
  readonly settleMs?: number | undefined;
  /** The maximum number of events that one call of a replay or a dry run reads. Default: `LIMITS`. */
  readonly replayEventsMax?: number | undefined;
  /** Threads that parse large requests (`openParsers`). Default: this thread parses all. */
  readonly parsers?: Parsers | undefined;
  /** The bounds of one question. Default: `LIMITS`. */
  readonly questions?: BudgetLimits | undefined;
}

/**
 * Creates the context of operations; called directly for operations outside the pipeline, such as a rebuild.
 *
 * @throws KitError `CONFIG_INVALID` for an invalid retention, two metrics with the same name, or an invalid declaration of
 *   volatile members, masks or doors.
 */
export function createContext(options: PipelineOptions): Context {
  const { indexRetentionMs = Number.POSITIVE_INFINITY, settleMs = 0 } = options;
  const { replayEventsMax = LIMITS.replay_events_per_call_max } = options;
  if (!(indexRetentionMs > 0)) throw new KitError('CONFIG_INVALID', 'the retention of the index must be above 0');
  for (const [name, bound] of Object.entries(options.questions ?? {})) {
    if (bound !== undefined && !(bound > 0)) throw new KitError('CONFIG_INVALID', `questions.${name} must be above 0`);
  }
  if (!(settleMs >= 0)) throw new KitError('CONFIG_INVALID', 'settleMs must be 0 or more');
  const { backend, telemetry = silentTelemetry } = options;
  const newId = createIds(backend.clock);
  const aggregates = byMetric([dailyEventCount, ...(options.aggregates ?? [])]);
  return {
    backend,
    telemetry,
    newId,
    indexRetentionMs,
    aggregates,
    mask: maskRules(maskOf(options.mask ?? []), aggregates),
    volatileOf: volatileRules(options.volatile ?? []),
    mappings: mappingSettings(checkDoors(options.doors ?? {})),
    hooks: createHooks(options.doors ?? {}, options.variables ?? process.env),
    settleMs,
    replayEventsMax,
    inFlight: createInFlight(),
    announcements: createAnnouncements(),
    parsers: options.parsers ?? null,
    parsing: createLimiter(PARSED_AT_ONCE),
    groups: createGroupQueue({ shared: backend.rawLog.sharesPacks }),
    clock: createQuestionClock(backend),
    watch: createClockWatch(backend, { telemetry, newId }),
    questions: options.questions ?? {},
    budget: endlessBudget(),
  };
}

function byMetric(aggregates: readonly Aggregate[]): Map<string, Aggregate> {
  const found = new Map<string, Aggregate>();
  for (const aggregate of aggregates) {
    if (found.has(aggregate.metric)) {
      throw new KitError('CONFIG_INVALID', `the metric ${aggregate.metric} is declared twice`, { path: '/aggregates' });
    }
    found.set(aggregate.metric, aggregate);
  }
  return found;
}

/** Finds a metric by name. Throws `METRIC_UNKNOWN`. */
export function aggregateOf(context: Context, metric: string): Aggregate {
  const aggregate = context.aggregates.get(metric);
  if (aggregate !== undefined) return aggregate;
  const known = [...context.aggregates.keys()].join(', ');
  throw new KitError('METRIC_UNKNOWN', `there is no metric ${metric}; this server computes ${known}`);
}

/** True while a receipt up to a time may still be added to the index. */
export function isUnsettled({ backend, inFlight, settleMs }: Context, asOfMs: number): boolean {
  return backend.clock.now() - asOfMs <= settleMs || inFlight.oldestMs() <= asOfMs;
}

/** The metrics of a selection; all if it names none. Throws `METRIC_UNKNOWN`. */
export function aggregatesOf(context: Context, { metrics }: { metrics: readonly string[] | null }): Aggregate[] {
  return metrics === null ? [...context.aggregates.values()] : metrics.map((metric) => aggregateOf(context, metric));
}
