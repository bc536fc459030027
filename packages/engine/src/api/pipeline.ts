import type {
  ChangeExplanation,
  ChangeSideQuery,
  Computed,
  DeadLetterPage,
  DeclaredName,
  EventExplanation,
  IngestBatch,
  IngestResult,
  LinesName,
  MonitorView,
  MuteBody,
  Receipt,
  ReceiptAddress,
  ReingestAnswer,
  ReingestBody,
  RejectPage,
  ReplayAnswer,
  ReplayBody,
  ReplayPage,
  ReplayPlanPage,
  ReplayView,
  ReportOf,
  SelectionOf,
  TailItem,
  TimelinePage,
  TimeRange,
  VerifyPage,
  VersionPage,
} from '@pik/schema';

import type { QueuedMessage } from '../ports/history-rows.ts';
import type { ClockStep } from '../runtime/rules/clock-steps.ts';

/** The form of records that a mapping reads, and what the request states about them outside their bytes. */
export interface Wire {
  /** The name of the mapping. */
  readonly name: string;
  /** Such as the headers that the mapping reads, by lower-case name; null if there are none. */
  readonly around: Readonly<Record<string, string>> | null;
}

/** One ingest request after transport: its decompressed bytes and metadata. */
export interface IngestRequest {
  readonly body: Uint8Array;
  /** How the body is split into records; `whole`: it is one record. */
  readonly format: 'json' | 'ndjson' | 'whole';
  /** Set if the records are in the form of another product. Default: events in the kit's own form, or CloudEvents in JSON. */
  readonly wire?: Wire | undefined;
  /** `import`: each record has its own `received_at`, and is flagged `IMPORTED`. */
  readonly mode: 'live' | 'import';
  /** For imports: the line number of the first record in the imported file; the others follow it. */
  readonly firstLine?: number | undefined;
  /** When the request arrived, in milliseconds since the epoch. */
  readonly receivedMs: number;
  readonly requestId: string;
  /** The name of the API key; null if the server has no keys. */
  readonly principal: string | null;
  /** Answer as usual and read the index, but store and count nothing. */
  readonly dryRun: boolean;
}

/** The answer to an ingest request: one result per record. */
export interface IngestAnswer extends IngestBatch {
  /** Whether the body was a single JSON object. */
  readonly single: boolean;
  /** True if the body as a whole is not valid JSON and was stored as one rejected receipt. */
  readonly unreadable: boolean;
  readonly results: IngestResult[];
}

/** A page of the events of an entity. Bounds are valid RFC 3339 texts, or null. */
export interface TimelineQuery {
  readonly entity_id: string;
  readonly start_time: string | null;
  readonly end_time: string | null;
  readonly asOfMs: number | null;
  readonly limit: number;
  readonly cursor: string | null;
}

/** Options of a stream of raw events. */
export interface RawOptions {
  /** Include further receipts, at most `deliveries_per_event_max` per event. */
  readonly deliveries: boolean;
}

/** The event to explain: by id, by the fields of its key, or by entity and time. */
export type EventQuery =
  | { readonly event_id: string }
  | { readonly source: string; readonly event_type: string; readonly entity_id: string; readonly key: string }
  | { readonly entity_id: string; readonly event_time: string };

/** A page of rejected receipts and conflicts. */
export interface RejectsQuery extends Partial<TimeRange> {
  readonly code?: string | undefined;
  readonly source?: string | undefined;
  readonly event_type?: string | undefined;
  readonly limit: number;
  readonly cursor: string | null;
}

/** The caller of a reingest, the receive time of the new receipts, and whether it is a dry run. */
export interface ReingestRequester extends Requester {
  readonly receivedMs: number;
  readonly dryRun?: boolean | undefined;
}

/** A page of a listing without other parameters. */
export interface PageQuery {
  readonly limit: number;
  readonly cursor: string | null;
}

/** Events of a half-open time range by source or type. Times are fixed-width UTC. */
export interface SelectionQuery extends PageQuery {
  readonly source: string | null;
  readonly event_type: string | null;
  readonly start_time: string;
  readonly end_time: string;
  readonly received_from: string | null;
  readonly received_to: string | null;
  readonly asOfMs: number | null;
}

/** The value to fold; `window_start` is a time, or a date in the time zone of the metric. */
export interface ComputeQuery {
  readonly metric: string;
  readonly key: string;
  readonly window_start: string;
  readonly asOfMs: number | null;
}

/** The change to explain. Without sides: from the previous version to the latest. */
export interface ChangeQuery {
  readonly metric: string;
  readonly key: string;
  readonly window_start: string;
  readonly from: ChangeSideQuery | null;
  readonly to: ChangeSideQuery | null;
  /** Maximum number of events, and of units, to list. */
  readonly limit: number;
  readonly cursor?: string | null;
}

/** The history of one value; without a window, of all windows of the metric and key. */
export interface VersionsQuery extends PageQuery {
  readonly metric: string;
  readonly key: string;
  readonly window_start: string | null;
}

/** The caller of an operation that is recorded. */
export interface Requester {
  readonly principal: string | null;
  readonly requestId: string;
}

/** How failed messages are retried. */
export interface ProcessOptions {
  /** Delay before a failed message is delivered again, doubled with each failure and jittered. Default: 1,000 ms. */
  readonly retryDelayMs?: number | undefined;
}

/** How messages are taken from the queue. */
export interface WorkOptions extends ProcessOptions {
  /** How long a message is hidden from other workers; extended while this worker handles it. Default: 60,000 ms. */
  readonly visibilityMs?: number | undefined;
  /** Called before each window. If it returns true, no window is started and the message goes back to the queue. */
  readonly isStopping?: (() => boolean) | undefined;
}

/** The result for one message. `LOST`: the queue receipt has expired, and the message is being delivered again. */
export type ProcessResult = 'DONE' | 'RETRIED' | 'DEAD' | 'LOST';

/** The result for one message. `IDLE`: the queue had no message. */
export type WorkResult = 'IDLE' | ProcessResult;

/** Selects the packs that a sweep checks. */
export interface SweepOptions {
  /** Younger packs are skipped, since their request may still be running: its maximum duration plus a minute. */
  readonly minAgeMs: number;
  /** How far before the end of the last sweep this one starts, to catch slow appends and differing clocks. */
  readonly lookBackMs: number;
  /** Called before each pack. If it returns true, the sweep ends there and the next sweep continues. */
  readonly stop?: (() => boolean) | undefined;
}

/** The counts of a sweep. */
export interface SweepSummary {
  readonly packs_listed: number;
  readonly packs_admitted: number;
  readonly receipts_admitted: number;
  /** Packs that could not be read; each is named in the log. */
  readonly packs_unreadable: number;
  /** Packs left for a later sweep because a line still has no outcome. */
  readonly packs_pending: number;
}

/** Selects the hours that a compaction closes. */
export interface CompactOptions {
  /** Start of the log to look for open hours, in milliseconds since the epoch. Default: a day before the last one that was closed. */
  readonly sinceMs?: number | undefined;
  /** Closes the running hour too; packs that come later are its next generation. Default: false. */
  readonly all?: boolean | undefined;
  /** Called before each hour. If it returns true, the next compaction continues there. */
  readonly stop?: (() => boolean) | undefined;
}

/** The counts of a compaction. */
export interface CompactSummary {
  readonly hours_closed: number;
  /** Hours whose cells were made again, since imports became first receipts of their events. */
  readonly hours_revised: number;
  /** Hours that stay open: a pack is not admitted yet, or cannot be read. The log names them. */
  readonly hours_waiting: number;
  /** Packs and receipts of the hours closed. */
  readonly packs: number;
  readonly receipts: number;
  /** Milliseconds from the first hour that stays open to the end of the hours that are due; 0 if none stays open. */
  readonly lag_ms: number;
}

/** Stores and admits events. */
export interface IngestPipeline {
  /**
   * Announces a request that arrived at this time, before its body is read. Until the returned function is called,
   * answers as of a later time are unsettled.
   */
  arriving(receivedMs: number): () => void;
  ingest(request: IngestRequest): Promise<IngestAnswer>;
  /** Ingests rejected receipts again, unchanged or corrected. Throws `RECEIPT_UNKNOWN`, `REQUEST_INVALID`. */
  reingest(body: ReingestBody, requester: ReingestRequester): Promise<ReingestAnswer>;
}

/** Says that nobody waits for an answer any more: an `AbortSignal`, or a flag of another thread. */
export type Cancellation = Pick<AbortSignal, 'aborted' | 'reason'>;

/** Facts about the process that a thread needs to answer a question as the thread of ingest would. */
export interface QuestionFacts {
  /** The time of the question, in milliseconds since the epoch: the later of the clock and the latest receipt. */
  readonly nowMs: number;
  /** The oldest receive time of a request that is not in the index yet; `Infinity` if there is none. */
  readonly oldestInFlightMs: number;
  /** The known steps of the server's clock. */
  readonly clockSteps: readonly ClockStep[];
}

/** The signal and time limit of a question. */
export interface QuestionOptions {
  /** Abort it when the caller no longer waits: the work stops, and the call rejects with `CLIENT_GONE`. */
  readonly signal?: Cancellation | undefined;
  /** Time limit in milliseconds, after which the answer is partial; capped by the limit of the pipeline. */
  readonly timeMs?: number | undefined;
  /**
   * True for a caller who may not see masked members of payloads: `ask`, `lines`, `listen`, `planReplay`, `cancelReplay` and `listDeadLetters` show
   * `•••` in their place, and reject with `FORBIDDEN` where masked values would decide the answer; `receipt` rejects. Default: false.
   */
  readonly isMasked?: boolean | undefined;
}

/** Name of a question about stored data. Dead letters are in the queue, which belongs to replays. */
export type AnsweredName = Exclude<DeclaredName, 'deadLetters'>;

/**
 * Answers questions; writes nothing. An answer that would take too long is `partial`: it covers the first part of the
 * question and has a cursor to the rest. A question that cannot be divided rejects with `BUDGET_EXCEEDED`.
 */
export interface InvestigatePipeline {
  /** Rejects, with the reason, while the index does not respond or the log cannot store packs. */
  ready(): Promise<void>;
  /** Describes a fault of this server's clock, for monitoring; null if no fault is known. */
  clockFault(): string | null;
  /** Answers a declared question. Throws `REQUEST_INVALID`, and `CURSOR_INVALID` for a cursor of another question. */
  ask<N extends AnsweredName>(name: N, given: SelectionOf<N>, options?: QuestionOptions): Promise<ReportOf<N>>;
  /**
   * A page of an answer as chunks of NDJSON lines: events and receipts with their received text, lines about the progress of a
   * search, and last `{"end":true,"count":n,"next_cursor":…}`. Throws as `ask`.
   */
  lines<N extends LinesName>(name: N, given: SelectionOf<N>, options?: QuestionOptions): AsyncIterable<string>;
  /**
   * Follows what arrives, each match once and in the order of the log, until the signal aborts; null if other processes ingest
   * too, whose receipts this one does not see arrive. Throws as `ask`, and `RATE_LIMITED` above the maximum of listeners.
   */
  listen(given: SelectionOf<'tail'>, options?: QuestionOptions): AsyncIterable<TailItem> | null;
  /** Ends all streams of `listen`, as before the server stops. */
  hangUp(): void;
  timeline(query: TimelineQuery, options?: QuestionOptions): Promise<TimelinePage>;
  /** Raw events in order of event time: NDJSON lines of `RawEvent`, then one `{"end":true,"count":n,"next_cursor":…}`. */
  rawEvents(query: TimelineQuery, options?: Partial<RawOptions> & QuestionOptions): AsyncIterable<string>;
  receipt(address: ReceiptAddress, options?: QuestionOptions): Promise<{ receipt: Receipt; body: Uint8Array }>;
  explainEvent(query: EventQuery, options: QuestionOptions & { asOfMs: number | null }): Promise<EventExplanation>;
  rejects(query: RejectsQuery, options?: QuestionOptions): Promise<RejectPage>;
  verify(cursor: string | null, options?: QuestionOptions): Promise<VerifyPage>;
  computeAggregate(query: ComputeQuery, options?: QuestionOptions): Promise<Computed>;
  versions(query: VersionsQuery, options?: QuestionOptions): Promise<VersionPage>;
  explainChange(query: ChangeQuery, options?: QuestionOptions): Promise<ChangeExplanation>;
  getReplay(replayId: string, options?: QuestionOptions): Promise<ReplayView>;
  listReplays(query: PageQuery, options?: QuestionOptions): Promise<ReplayPage>;
}

/** Replays past events, and manages dead letters. */
export interface ReplayPipeline {
  /** Sends one part of a replay. The part is recorded before it is sent, and is idempotent by id and cursor. */
  replay(body: ReplayBody, requester: Requester): Promise<ReplayAnswer>;
  planReplay(body: ReplayBody, options?: QuestionOptions): Promise<ReplayPlanPage>;
  cancelReplay(replayId: string, options?: Pick<QuestionOptions, 'isMasked'>): Promise<ReplayView>;
  listDeadLetters(query: PageQuery, options?: QuestionOptions): Promise<DeadLetterPage>;
  /** Moves dead letters back into the queue, all of them without ids. Returns their number. */
  redrive(messageIds?: readonly string[]): Promise<number>;
}

/** Mutes monitors. */
export interface MonitorPipeline {
  /** Until then no sink hears that an incident of the monitor fires. Throws `MONITOR_UNKNOWN`. */
  muteMonitor(name: string, body: MuteBody, by: string | null): Promise<MonitorView>;
  /** Ends that; what still fires is sent. Throws `MONITOR_UNKNOWN`. */
  unmuteMonitor(name: string): Promise<MonitorView>;
}

/** Processes messages. */
export interface ProcessPipeline {
  /** Rejects, with the reason, while the index does not respond or the log cannot store packs. */
  ready(): Promise<void>;
  /** Takes one message from the queue and processes it. */
  work(options?: WorkOptions): Promise<WorkResult>;
  /**
   * Processes a message that the caller took from the queue; the caller deletes it if the result is `DONE`. Rejects if a
   * failed message could not be given back either: then the caller must not delete it.
   */
  process(message: QueuedMessage, options?: ProcessOptions): Promise<ProcessResult>;
}

/** Admits the packs that a crash left behind. */
export interface SweepPipeline {
  /** Admits packs without outcomes that are older than `minAgeMs`. */
  sweep(options: SweepOptions): Promise<SweepSummary>;
}

/** Closes the hours of the log whose packs are final. */
export interface CompactPipeline {
  /** Closes hours, from the oldest; does nothing if the backend closes none. */
  compact(options?: CompactOptions): Promise<CompactSummary>;
}

/** The whole kit as one object, for the HTTP app and tests. */
export interface Pipeline
  extends IngestPipeline,
    InvestigatePipeline,
    ReplayPipeline,
    MonitorPipeline,
    ProcessPipeline,
    SweepPipeline,
    CompactPipeline {
  /** The facts that a question asked now needs if another thread answers it. */
  questionFacts(): Promise<QuestionFacts>;
  /** When the latest live event was received, in milliseconds since the epoch; null if none is known. */
  latestReceivedMs(): number | null;
  close(): Promise<void>;
}
