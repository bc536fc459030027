import { type Aggregate, dailyEventCount } from '@pik/aggregates';
import { KitError, LIMITS, type VolatileDeclaration, type VolatileOf, volatileRules } from '@pik/schema';

import type { Backend } from '../ports/backend.ts';
import { silentTelemetry, type Telemetry } from '../ports/telemetry.ts';
import { type Budget, type BudgetLimits, endlessBudget } from './budget.ts';
import { type ClockWatch, createClockWatch } from './clock-watch.ts';
import { createIds } from './ids.ts';
import { createInFlight, type InFlight } from './in-flight.ts';
import { createQuestionClock, type QuestionClock } from './question-clock.ts';

/** What every operation is handed: the backend, where to tell what happened, and the few choices of the operator. */
export interface Context {
  readonly backend: Backend;
  readonly telemetry: Telemetry;
  /** Makes pack, request and replay ids: UUIDv7 by the backend's clock, in order unless that is set back. */
  readonly newId: () => string;
  /** How long a repeat is recognised, counted from storage; `Infinity`: for ever. The raw log must be kept longer. */
  readonly indexRetentionMs: number;
  /** The metrics by their names. */
  readonly aggregates: ReadonlyMap<string, Aggregate>;
  /** Which members of payloads are not content, of what is received from now on. */
  readonly volatileOf: VolatileOf;
  /** How long after a time something received by then may still come into the index unseen by this process. */
  readonly settleMs: number;
  /** The most events that one call of a replay or a dry run walks over, whatever it asks for. */
  readonly replayEventsMax: number;
  readonly inFlight: InFlight;
  /** When questions are asked. */
  readonly clock: QuestionClock;
  readonly watch: ClockWatch;
  /** What a question may take, where the limits are not to hold. */
  readonly questions: BudgetLimits;
  /** What this question may take; endless for work that is no question. */
  readonly budget: Budget;
}

/** What a pipeline is made of. */
export interface PipelineOptions {
  readonly backend: Backend;
  /** Where counts and log lines go. Default: nowhere. */
  readonly telemetry?: Telemetry | undefined;
  /** How long a repeat is recognised, in milliseconds from storage. Default: for ever. */
  readonly indexRetentionMs?: number | undefined;
  /** The metrics, beside the built-in `daily_event_count`. */
  readonly aggregates?: readonly Aggregate[] | undefined;
  /**
   * Members of payloads that are not content, such as the number of a delivery's attempt. Each receipt keeps what was
   * declared when it came, so that it is always read the same way. Default: none.
   */
  readonly volatile?: readonly VolatileDeclaration[] | undefined;
  /**
   * Milliseconds after which an answer as of a time is final although other processes ingest too: the longest a request
   * may take, plus the difference of their clocks. Default 0: this process alone ingests.
   */
  readonly settleMs?: number | undefined;
  /** The most events that one call of a replay or a dry run walks over, whatever it asks for. Default: as the limits say. */
  readonly replayEventsMax?: number | undefined;
  /** What one question may take. Default: as the limits say. */
  readonly questions?: BudgetLimits | undefined;
}

/**
 * The context of a pipeline's operations; for operations that are no part of the pipeline, such as a rebuild.
 *
 * @throws KitError `CONFIG_INVALID` for a retention that cannot be, two metrics of one name, or a declaration of volatile
 *   members that cannot be used.
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
  return {
    backend,
    telemetry,
    newId,
    indexRetentionMs,
    aggregates: byMetric([dailyEventCount, ...(options.aggregates ?? [])]),
    volatileOf: volatileRules(options.volatile ?? []),
    settleMs,
    replayEventsMax,
    inFlight: createInFlight(),
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

/** The metric of a name. Throws `METRIC_UNKNOWN`. */
export function aggregateOf(context: Context, metric: string): Aggregate {
  const aggregate = context.aggregates.get(metric);
  if (aggregate !== undefined) return aggregate;
  const known = [...context.aggregates.keys()].join(', ');
  throw new KitError('METRIC_UNKNOWN', `there is no metric ${metric}; this server computes ${known}`);
}

/** True while something received by a time may still come into the index. */
export function isUnsettled({ backend, inFlight, settleMs }: Context, asOfMs: number): boolean {
  return backend.clock.now() - asOfMs <= settleMs || inFlight.oldestMs() <= asOfMs;
}

/** The metrics that a selection asks for; all where it names none. Throws `METRIC_UNKNOWN`. */
export function aggregatesOf(context: Context, { metrics }: { metrics: readonly string[] | null }): Aggregate[] {
  return metrics === null ? [...context.aggregates.values()] : metrics.map((metric) => aggregateOf(context, metric));
}
