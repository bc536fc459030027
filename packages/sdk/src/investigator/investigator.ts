import type { Aggregate } from '@pik/aggregates';
import {
  type AggregateVersion,
  type ChangeExplanation,
  type Computed,
  type DeadLetter,
  EPOCH_MS_MAX,
  EPOCH_MS_MIN,
  type EventExplanation,
  type EventProof,
  type EventView,
  formatEpochMs,
  LIMITS,
  type Match,
  type MetricView,
  parseTime,
  type RawEvent,
  type Receipt,
  type ReingestAnswer,
  type ReingestBody,
  type RejectedReceipt,
  type RejectPage,
  type ReplayPage,
  type ReplayView,
  type SelectionOf,
  type Time,
  type TimelinePage,
  type VerifyPage,
} from '@pik/schema';
import { v7 } from 'uuid';
import { type Act, actionsOver } from './actions.ts';
import {
  type Asking,
  ask,
  type CallOptions,
  createAsking,
  type InvestigatorOptions,
  readBody,
  readItems,
  send,
  wire,
} from './ask.ts';
import { type AskQuestion, type QuestionMethods, questionMethods, questionsOver } from './questions.ts';
import {
  type RawCallOptions,
  readMatches,
  readRawEvents,
  readRejectedReceipts,
  type SearchCallOptions,
} from './raw-events.ts';
import { driveReplay, type ReplayDrive, type ReplayHandle } from './replay-handle.ts';
import { makePlan, type ReplayPlan } from './replay-plan.ts';
import type {
  ChangeSelection,
  EventSelection,
  RangeSelection,
  RejectsSelection,
  ReplayRequest,
  TimelineSelection,
  ValueSelection,
} from './selections.ts';
import { foldEvents, type Simulation } from './simulate.ts';
import { readTail, type TailCallOptions } from './tail.ts';
import type { WhatIf } from './what-if.ts';

/** One rejected receipt or conflict. */
export type Reject = RejectPage['rejects'][number];

/** One replay in a listing: without its windows. */
export type ListedReplay = ReplayPage['replays'][number];

/** Options of a simulation. */
export interface SimulateOptions extends CallOptions {
  /** The hypothesis to test; without it, the events are only folded. */
  readonly whatIf?: WhatIf | undefined;
  /** Events and units listed for each change. Default: 100. */
  readonly limit?: number | undefined;
}

/**
 * Queries the kit. Create one with {@link createInvestigator}. Every method throws KitError with the backend's code, or
 * `NETWORK`, `TIMEOUT`, `ANSWER_NOT_OURS`; and `ABORTED`, at once, when the caller's signal aborts.
 */
export interface Investigator extends QuestionMethods {
  /**
   * Asks a declared question by its name: `ask('lag', { start_time: '2h' })` is `lag({ start_time: '2h' })`. It reads one page
   * of a listing, and takes the ids of a path like every other field: `ask('replayById', { replay_id })`.
   */
  readonly ask: AskQuestion;
  /**
   * Does a declared action by its name, in one call: `act('redrive', { message_ids })`. `replay` sends one part; the method of that
   * name sends all of them. Safe to repeat, a replay with its `replay_id`. Throws `REQUEST_INVALID` with the field at fault.
   */
  readonly act: Act;
  /**
   * Sends rejected receipts again: with `body` as mended records, without it as they are. Needs the scope `ingest`. Safe to
   * repeat: what was accepted is a repeat the second time. With `dryRun` the outcomes are those that they would have now, and
   * nothing is sent. Throws `RECEIPT_UNKNOWN`, `REQUEST_INVALID`.
   */
  reingest(
    receipts: ReingestBody['receipts'],
    options?: CallOptions & { readonly dryRun?: boolean | undefined },
  ): Promise<ReingestAnswer>;
  timelinePage(
    selection: TimelineSelection & { cursor?: string | undefined },
    options?: CallOptions,
  ): Promise<TimelinePage>;
  /** Reads all events of the selection: those of an entity in order of event time, others by event day and request. */
  readTimeline(selection: TimelineSelection | RangeSelection, options?: CallOptions): AsyncIterable<EventView>;
  /**
   * Reads the same events with their received text, byte for byte. An interrupted stream throws; it never looks like
   * the end.
   */
  readEvents(selection: TimelineSelection | RangeSelection, options?: RawCallOptions): AsyncIterable<RawEvent>;
  /**
   * Reads all receipts that match a search, the last stored first, each when it is found; `find` reads one page. An interrupted
   * stream throws; it never looks like the end. Throws `REQUEST_INVALID` with the place of a fault in the expression.
   *
   * @example for await (const match of kit.readMatches({ where: 'payload.order_id = 4711', start_time: '2h' })) console.log(match.body);
   */
  readMatches(selection: SelectionOf<'find'>, options?: SearchCallOptions): AsyncIterable<Match>;
  /**
   * Follows the receipts that match as they arrive, each once and in the order of the log, from now on, from `start_time` or from a
   * cursor. It reconnects, and polls where the backend has no streams; it ends when the signal aborts, or when you stop reading.
   *
   * @example for await (const match of kit.readTail({ where: 'outcome = REJECTED' })) console.log(match.reject_code);
   */
  readTail(selection?: SelectionOf<'tail'>, options?: TailCallOptions): AsyncIterable<Match>;
  explainEvent(
    event: EventSelection,
    options?: CallOptions & { as_of?: Time | undefined; time_zone?: string | undefined },
  ): Promise<EventExplanation>;
  /** Proves that the first receipt of an event is in the signed log. Throws `EVENT_UNKNOWN`; `LOG_UNSIGNED` before its hour is closed. */
  proveEvent(eventId: string, options?: CallOptions): Promise<EventProof>;
  readRejects(selection?: RejectsSelection, options?: CallOptions): AsyncIterable<Reject>;
  /** Reads rejected receipts with the received text. An interrupted stream throws; it never looks like the end. */
  readRejectedReceipts(selection?: RejectsSelection, options?: CallOptions): AsyncIterable<RejectedReceipt>;
  getReceipt(
    address: { pack_id: string; line: number },
    options?: CallOptions,
  ): Promise<{ receipt: Receipt; bytes: Uint8Array }>;
  /**
   * Compares the raw log with the index, and closed hours with both. Each page is a part of the walk; the last one has the root digest.
   * With `since`, only packs and closed hours stored since then.
   */
  readVerification(options?: CallOptions & { since?: Time | undefined }): AsyncIterable<VerifyPage>;
  /** The metrics that the backend computes. */
  getMetrics(options?: CallOptions): Promise<MetricView[]>;
  /** Computes a value now, or as it was known at `as_of`. Writes nothing. */
  computeAggregate(
    selection: ValueSelection & { as_of?: Time | undefined; time_zone?: string | undefined },
    options?: CallOptions,
  ): Promise<Computed>;
  /** Reads the versions of a value, oldest first. Without `window_start`, reads those of all windows, in order. */
  getAggregateHistory(
    selection: Omit<SelectionOf<'versions'>, 'limit' | 'cursor'>,
    options?: CallOptions,
  ): AsyncIterable<AggregateVersion>;
  /**
   * Explains why a value changed between two versions or receive times, or until now: classes with their parts, the
   * events behind them, and a sentence. States whether the parts are exact, and what could not be determined. Throws
   * `VERSION_UNKNOWN`.
   */
  explainChange(change: ChangeSelection, options?: CallOptions): Promise<ChangeExplanation>;
  /** Plans a replay: reads everything that it would send and change, but sends and records nothing. */
  planReplay(selection: ReplayRequest, options?: CallOptions): Promise<ReplayPlan>;
  /**
   * Starts to send past events again. The client creates the id, so that a repeated call never starts a second replay.
   */
  replay(selection: ReplayRequest, options?: ReplayDrive & { reason?: string | undefined }): ReplayHandle;
  /** Resumes a replay where it stands, whoever started it. Throws `REPLAY_UNKNOWN`, `REPLAY_CANCELLED`. */
  resumeReplay(replayId: string, options?: ReplayDrive): Promise<ReplayHandle>;
  getReplay(replayId: string, options?: CallOptions): Promise<ReplayView>;
  /** Stops sending. Windows that were already touched are still recomputed. Safe to repeat. */
  cancelReplay(replayId: string, options?: CallOptions): Promise<ReplayView>;
  /** Reads all replays, the latest first. */
  readReplays(options?: CallOptions): AsyncIterable<ListedReplay>;
  /** Reads the messages that could not be processed. */
  readDeadLetters(options?: CallOptions): AsyncIterable<DeadLetter>;
  /** Puts dead letters back into the queue, all of them without ids. Returns how many. */
  redriveDeadLetters(messageIds?: readonly string[], options?: CallOptions): Promise<number>;
  /**
   * Computes what a definition would give over stored raw events: folds them in this process, with the backend's own
   * windows and order. Writes nothing; holds the selected events in memory. With `whatIf` it tries another identity
   * rule, choice among conflicting receipts, lateness cut-off, definition or time zone, and explains each window that
   * would change.
   */
  simulate(
    aggregate: Aggregate,
    selection: TimelineSelection | RangeSelection,
    options?: SimulateOptions,
  ): Promise<Simulation>;
}

/**
 * Creates an investigator.
 *
 * @example
 * import { createInvestigator } from '@pik/sdk/investigator';
 *
 * const kit = createInvestigator({ url: 'http://127.0.0.1:4600' });
 * for await (const event of kit.readTimeline({ entity_id: 'order-17' })) console.log(event.event_time,
 * event.payload_hash);
 *
 * @throws KitError `CONFIG_INVALID` for an unusable URL or key.
 */
export function createInvestigator(options: InvestigatorOptions): Investigator {
  const asking = createAsking(options);
  const calls: Calls = { asking, ask: questionsOver(asking), act: actionsOver(asking) };
  return {
    ask: calls.ask,
    act: calls.act,
    ...questionMethods(calls.ask),
    ...eventQuestions(calls),
    ...valueQuestions(calls),
    ...replays(calls),
  };
}

/** The calls of an investigator over its connection. */
interface Calls {
  readonly asking: Asking;
  readonly ask: AskQuestion;
  readonly act: Act;
}

type EventQuestions = Pick<
  Investigator,
  | 'timelinePage'
  | 'readTimeline'
  | 'readEvents'
  | 'readMatches'
  | 'readTail'
  | 'explainEvent'
  | 'proveEvent'
  | 'getReceipt'
  | 'readRejects'
  | 'readRejectedReceipts'
  | 'reingest'
  | 'readVerification'
>;

function eventQuestions({ asking, ask: askQuestion, act }: Calls): EventQuestions {
  return {
    timelinePage: (selection, call) => askQuestion('timeline', selection, call),
    readTimeline: (selection, call) =>
      readItems<TimelinePage, EventView>(
        (cursor) =>
          selection.entity_id === undefined
            ? askQuestion('selection', { ...selection, cursor }, call)
            : askQuestion('timeline', { ...selection, cursor }, call),
        ({ events }) => events,
        call?.signal,
      ),
    readEvents: (selection, call) => rawEvents(asking, selection, call),
    readMatches: (selection, call) => readMatches(asking, { query: wire(selection), ...call }),
    readTail: (selection = {}, call) => readTail(asking, { query: wire(selection), ...call }),
    explainEvent: (event, { as_of, time_zone, ...call } = {}) =>
      typeof event === 'string'
        ? askQuestion('event', { event_id: event, as_of, time_zone }, call)
        : askQuestion('eventByKey', { ...event, as_of, time_zone }, call),
    readRejects: (selection = {}, call) =>
      readItems(
        (cursor) => askQuestion('rejects', { ...selection, cursor }, call),
        ({ rejects }) => rejects,
        call?.signal,
      ),
    readRejectedReceipts: (selection = {}, call) =>
      readRejectedReceipts(asking, { query: { limit: LIMITS.page_items_max, ...wire(selection) }, ...call }),
    reingest: (receipts, { dryRun, ...call } = {}) => act('reingest', { receipts, dry_run: dryRun }, call),
    proveEvent: (event_id, call) => askQuestion('proof', { event_id }, call),
    getReceipt: (address, call) => getReceipt(asking, address, call ?? {}),
    readVerification: ({ since, ...call } = {}) =>
      readItems(
        (cursor) => askQuestion('verify', { since, cursor }, call),
        (page) => [page],
        call.signal,
      ),
  };
}

function rawEvents(asking: Asking, selection: TimelineSelection | RangeSelection, call: RawCallOptions = {}) {
  const route = selection.entity_id === undefined ? 'selection' : 'timeline';
  return readRawEvents(asking, route, { query: wire(selection), ...call });
}

async function getReceipt(asking: Asking, address: { pack_id: string; line: number }, options: CallOptions) {
  const question = { params: { ...address }, ...options };
  const receipt = await ask<Receipt>(asking, 'receipt', question);
  const { signal } = options;
  const bytes = await asking.retry(async () => {
    const response = await send(asking, 'receipt', { ...question, accept: 'application/octet-stream' });
    return new Uint8Array(await readBody(() => response.arrayBuffer(), signal));
  }, signal);
  return { receipt, bytes };
}

type ValueQuestions = Pick<
  Investigator,
  'getMetrics' | 'computeAggregate' | 'getAggregateHistory' | 'explainChange' | 'simulate'
>;

function valueQuestions({ asking, ask: askQuestion }: Calls): ValueQuestions {
  return {
    getMetrics: async (call) => (await askQuestion('metricList', {}, call)).metrics,
    computeAggregate: (selection, call) => askQuestion('compute', selection, call),
    getAggregateHistory: (selection, call) =>
      readItems(
        (cursor) => askQuestion('versions', { ...selection, cursor }, call),
        ({ versions }) => versions,
        call?.signal,
      ),
    explainChange: (change, call) => askQuestion('explainChange', change, call),
    simulate: (aggregate, selection, call = {}) => {
      const bound = (time: Time | undefined) => (time === undefined ? undefined : parseTime(wireTime(time))?.epoch_ms);
      const startMs = bound(selection.start_time) ?? EPOCH_MS_MIN;
      const endMs = bound(selection.end_time) ?? EPOCH_MS_MAX + 1;
      const { whatIf, limit = LIMITS.change_items_default, ...options } = call;
      const asOf = formatEpochMs(bound(selection.as_of) ?? Date.now());
      const deliveries = whatIf?.identity !== undefined || whatIf?.conflict !== undefined;
      const events = rawEvents(asking, selection, { ...options, deliveries });
      const trial = whatIf === undefined ? null : { whatIf, limit };
      return foldEvents(aggregate, events, { range: { startMs, endMs, asOf }, trial });
    },
  };
}

function wireTime(time: Time): string {
  return time instanceof Date ? time.toISOString() : time;
}

type Replays = Pick<
  Investigator,
  | 'planReplay'
  | 'replay'
  | 'resumeReplay'
  | 'getReplay'
  | 'cancelReplay'
  | 'readReplays'
  | 'readDeadLetters'
  | 'redriveDeadLetters'
>;

function replays({ asking, ask: askQuestion, act }: Calls): Replays {
  const begin = (body: object, { reason, ...drive }: ReplayDrive & { reason?: string | undefined }) =>
    driveReplay(asking, { replayId: v7(), body: { ...body, reason }, cursor: undefined }, drive);
  const getReplay: Investigator['getReplay'] = (replay_id, call) => askQuestion('replayById', { replay_id }, call);
  return {
    getReplay,
    replay: (selection, options = {}) => begin(wire(selection), options),
    async planReplay(selection, options = {}) {
      const body = wire(selection);
      const facts = await makePlan(asking, body, options);
      const { as_of, plan_hash } = facts;
      return { ...facts, apply: (drive = {}) => begin({ ...body, as_of, plan_hash }, drive) };
    },
    async resumeReplay(replayId, options = {}) {
      const { status, next_cursor, selection, limit, as_of } = await getReplay(replayId, options);
      const given = Object.entries(selection).filter(([, value]) => value !== null);
      const body = { ...Object.fromEntries(given), limit, as_of };
      // For a complete replay, asks for its only or last part again, which is answered but not sent.
      const cursor = status === 'COMPLETE' ? undefined : (next_cursor ?? undefined);
      return driveReplay(asking, { replayId, body, cursor }, options);
    },
    cancelReplay: (replayId, call) => act('replayCancel', { replay_id: replayId }, call),
    readReplays: (call) =>
      readItems(
        (cursor) => askQuestion('replays', { cursor }, call),
        (page) => page.replays,
        call?.signal,
      ),
    readDeadLetters: (call) =>
      readItems(
        (cursor) => askQuestion('deadLetters', { cursor }, call),
        (page) => page.dead_letters,
        call?.signal,
      ),
    async redriveDeadLetters(message_ids, call) {
      // A backend may redrive only as many as fit into one call.
      for (let sum = 0; ; ) {
        const { redriven } = await act('redrive', { message_ids }, call);
        sum += redriven;
        if (redriven === 0) return sum;
      }
    },
  };
}
