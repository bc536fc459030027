import type {
  AskedOf,
  ChangeExplanation,
  ChangeSideQuery,
  Computed,
  DeadLetterPage,
  DeclaredName,
  EventExplanation,
  IngestBatch,
  IngestResult,
  MetricView,
  QuestionName,
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
  ROUTES,
  SelectionOf,
  SelectionPage,
  TimelinePage,
  TimeRange,
  VerifyPage,
  VersionPage,
} from '@pik/schema';

import type { QueuedMessage } from '../ports/history-rows.ts';

/** One ingest request, after transport: decompressed bytes, and what the transport knows of it. */
export interface IngestRequest {
  readonly body: Uint8Array;
  /** How the body is to be cut into records. */
  readonly format: 'json' | 'ndjson';
  /** `import`: each record carries its own `received_at`, and is marked. */
  readonly mode: 'live' | 'import';
  /** Of an import: the line that its first record has in the file; the others follow it. */
  readonly firstLine?: number | undefined;
  /** When the request arrived, in milliseconds since the epoch. */
  readonly receivedMs: number;
  readonly requestId: string;
  /** The name of the API key, null without keys. */
  readonly principal: string | null;
  /** Answer as usual, read the gate, but store and count nothing. */
  readonly dryRun: boolean;
}

/** What ingest decided: one result per record, and whether the body was one single object. */
export interface IngestAnswer extends IngestBatch {
  readonly single: boolean;
  /** True where the whole body could not be read as JSON and was kept as one rejected receipt. */
  readonly unreadable: boolean;
  readonly results: IngestResult[];
}

/** A page of an entity's events. Bounds are RFC 3339 texts that were checked, or null. */
export interface TimelineQuery {
  readonly entity_id: string;
  readonly start_time: string | null;
  readonly end_time: string | null;
  readonly asOfMs: number | null;
  readonly limit: number;
  readonly cursor: string | null;
}

/** What a stream of raw events has beside them. */
export interface RawOptions {
  /** Their further receipts too, at most `deliveries_per_event_max` of each. */
  readonly deliveries: boolean;
}

/** Which event to explain: by id, by the fields of its key, or by entity and time. */
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

/** Who sends rejected receipts again, when, and whether it is only tried. */
export interface ReingestRequester extends Requester {
  readonly receivedMs: number;
  readonly dryRun?: boolean | undefined;
}

/** A page of a listing that takes nothing else. */
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

/** Which value to fold: `window_start` is a time, or a date in the metric's zone. */
export interface ComputeQuery {
  readonly metric: string;
  readonly key: string;
  readonly window_start: string;
  readonly asOfMs: number | null;
}

/** Which change to explain; without sides that from the version before to the latest one. */
export interface ChangeQuery {
  readonly metric: string;
  readonly key: string;
  readonly window_start: string;
  readonly from: ChangeSideQuery | null;
  readonly to: ChangeSideQuery | null;
  /** Events, and units, that are listed at most. */
  readonly limit: number;
  readonly cursor?: string | null;
}

/** The history of one value, or without a window of all windows of a metric and key. */
export interface VersionsQuery extends PageQuery {
  readonly metric: string;
  readonly key: string;
  readonly window_start: string | null;
}

/** Who asks for something that is recorded. */
export interface Requester {
  readonly principal: string | null;
  readonly requestId: string;
}

/** What becomes of a message that fails. */
export interface ProcessOptions {
  /** Wait before a failed message comes again, doubled with each failure and spread by chance. Default 1,000 ms. */
  readonly retryDelayMs?: number | undefined;
}

/** How messages are taken from the queue. */
export interface WorkOptions extends ProcessOptions {
  /** How long a message is kept from others; prolonged while it is in work. Default 60,000 ms. */
  readonly visibilityMs?: number | undefined;
  /** Asked before each window: once it is true none is begun, and the message is given back for the next worker. */
  readonly isStopping?: (() => boolean) | undefined;
}

/** What became of one message; `LOST`: its receipt is worthless by now, and another delivery of it is on its way. */
export type ProcessResult = 'DONE' | 'RETRIED' | 'DEAD' | 'LOST';

/** What became of one message; `IDLE`: there was none. */
export type WorkResult = 'IDLE' | ProcessResult;

/** Which packs a sweep looks at. */
export interface SweepOptions {
  /** Younger packs may still be in work: the longest time a request can take, plus a minute. */
  readonly minAgeMs: number;
  /** How far before the last sweep's end to look again, for packs whose append took long or whose clock differed. */
  readonly lookBackMs: number;
  /** Asked before each pack: true ends the sweep there, and the next one goes on. */
  readonly stop?: (() => boolean) | undefined;
}

/** What a sweep did. */
export interface SweepSummary {
  readonly packs_listed: number;
  readonly packs_admitted: number;
  readonly receipts_admitted: number;
  /** Packs that could not be read; each is named in the log. */
  readonly packs_unreadable: number;
  /** Packs left for a later sweep because a line is still not decided. */
  readonly packs_pending: number;
}

/** What keeps and admits events. */
export interface IngestPipeline {
  /**
   * Says that a request has arrived at this time, before its body is read: until the returned function is called, no
   * answer as of a later time counts as settled.
   */
  arriving(receivedMs: number): () => void;
  ingest(request: IngestRequest): Promise<IngestAnswer>;
  /** Rejected receipts as new ones, as they are or mended. Throws `RECEIPT_UNKNOWN`, `REQUEST_INVALID`. */
  reingest(body: ReingestBody, requester: ReingestRequester): Promise<ReingestAnswer>;
}

/** Who waits for an answer, and for how long. */
export interface QuestionOptions {
  /** Aborted when nobody waits any more: the work ends, and the call rejects with `CLIENT_GONE`. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds after which the answer is cut; never more than the pipeline's own. */
  readonly timeMs?: number | undefined;
}

/**
 * What answers questions, and writes nothing. An answer that would take too long is `partial`, covers the first part of what
 * was asked for, and has a cursor that goes on; what cannot be cut rejects with `BUDGET_EXCEEDED`.
 */
export interface InvestigatePipeline {
  /** Rejects, with the reason, while the index does not answer or the log takes no pack. */
  ready(): Promise<void>;
  /** What is wrong with the clock of this server, for whoever watches it; null where nothing is known to be. */
  clockFault(): string | null;
  /** Answers a declared question. Throws `REQUEST_INVALID`, and `CURSOR_INVALID` for a cursor of another question. */
  ask<N extends QuestionName>(name: N, given: SelectionOf<N>, options?: QuestionOptions): Promise<ReportOf<N>>;
  /** Reads what a caller asks with: times by the backend's clock, defaults filled in. Throws `REQUEST_INVALID`, `CURSOR_INVALID`. */
  read<N extends DeclaredName>(name: N, given: SelectionOf<N>): AskedOf<(typeof ROUTES)[N]>;
  timeline(query: TimelineQuery, options?: QuestionOptions): Promise<TimelinePage>;
  /** Raw events in order of event time: NDJSON lines of `RawEvent`, then one `{"end":true,"count":n,"next_cursor":…}`. */
  rawEvents(query: TimelineQuery, options?: Partial<RawOptions> & QuestionOptions): AsyncIterable<string>;
  receipt(address: ReceiptAddress, options?: QuestionOptions): Promise<{ receipt: Receipt; body: Uint8Array }>;
  explainEvent(query: EventQuery, options: QuestionOptions & { asOfMs: number | null }): Promise<EventExplanation>;
  rejects(query: RejectsQuery, options?: QuestionOptions): Promise<RejectPage>;
  /** Rejections alone, as NDJSON lines with what was received, and a last line as that of `rawEvents`. */
  rejectedReceipts(query: RejectsQuery, options?: QuestionOptions): AsyncIterable<string>;
  verify(cursor: string | null, options?: QuestionOptions): Promise<VerifyPage>;
  selectEvents(query: SelectionQuery, options?: QuestionOptions): Promise<SelectionPage>;
  /** The same as NDJSON lines, as `rawEvents` gives those of an entity. */
  selectRawEvents(query: SelectionQuery, options?: Partial<RawOptions> & QuestionOptions): AsyncIterable<string>;
  metrics(): MetricView[];
  computeAggregate(query: ComputeQuery, options?: QuestionOptions): Promise<Computed>;
  versions(query: VersionsQuery, options?: QuestionOptions): Promise<VersionPage>;
  explainChange(query: ChangeQuery, options?: QuestionOptions): Promise<ChangeExplanation>;
  getReplay(replayId: string, options?: QuestionOptions): Promise<ReplayView>;
  listReplays(query: PageQuery, options?: QuestionOptions): Promise<ReplayPage>;
}

/** What sends past events again, and looks after the messages that could not be processed. */
export interface ReplayPipeline {
  /** One part of a replay: recorded before it acts, idempotent by id and cursor. */
  replay(body: ReplayBody, requester: Requester): Promise<ReplayAnswer>;
  planReplay(body: ReplayBody, options?: QuestionOptions): Promise<ReplayPlanPage>;
  cancelReplay(replayId: string): Promise<ReplayView>;
  listDeadLetters(query: PageQuery, options?: QuestionOptions): Promise<DeadLetterPage>;
  /** Puts dead letters back into the queue; without ids all of them. Gives how many. */
  redrive(messageIds?: readonly string[]): Promise<number>;
}

/** What processes messages. */
export interface ProcessPipeline {
  /** Rejects, with the reason, while the index does not answer or the log takes no pack. */
  ready(): Promise<void>;
  /** Takes one message from the queue and processes it. */
  work(options?: WorkOptions): Promise<WorkResult>;
  /**
   * Processes a message that the caller took from the queue, and deletes itself when this gives `DONE`. Rejects where a
   * failed message could not even be given back: it must not be deleted then.
   */
  process(message: QueuedMessage, options?: ProcessOptions): Promise<ProcessResult>;
}

/** What admits what a crash left behind. */
export interface SweepPipeline {
  /** Admits packs without an outcome that are older than `minAgeMs`. */
  sweep(options: SweepOptions): Promise<SweepSummary>;
}

/** The whole kit behind one object: what the HTTP app or a test calls. */
export interface Pipeline extends IngestPipeline, InvestigatePipeline, ReplayPipeline, ProcessPipeline, SweepPipeline {
  close(): Promise<void>;
}
