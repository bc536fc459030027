import { aggregateKey, countsEvent, parseAggregateKey } from '@pik/aggregates';
import { formatEpochMs, KitError, parseTime, type ReplayMessage } from '@pik/schema';
import { type FaultyInput, WindowError } from '../aggregates/window-error.ts';
import type { FailedWindow, WindowTarget } from '../ports/history-rows.ts';
import type { FailureRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { type OpenWindow, readMessage, WindowsFailed } from './recompute-windows.ts';
import { parsePackKey } from './rules/replay-message.ts';

const DETAIL_CHARS_MAX = 1_000;

/** The address in the failure of a window that has no input to look at. */
export const NO_RECEIPT = { pack_id: '00000000-0000-7000-8000-000000000000', line: 0 } as const;

/** The reason in a dead letter: the failure of the first window, and the number of further ones. */
export function messageFailure(error: unknown): { code: string; detail: string } {
  if (!(error instanceof WindowsFailed)) return failureOf(error);
  const [first, ...others] = error.windows;
  const { code, detail } = windowFailure(first as OpenWindow);
  const more = others.length === 0 ? '' : ` (and ${others.length} more of its windows failed)`;
  return { code, detail: `${detail.slice(0, DETAIL_CHARS_MAX - more.length)}${more}` };
}

/** The reason in a log line, which names no entity, key or event, but receipts by pack and line. */
export function loggedFailure(error: unknown): object {
  if (!(error instanceof WindowsFailed)) return failureOf(error);
  const [{ target, error: cause }] = error.windows as [OpenWindow];
  const { metric, window_start_ms } = target;
  const known = { metric, window_start: formatEpochMs(window_start_ms), windows_failed: error.windows.length };
  if (!(cause instanceof WindowError)) return { ...failureOf(cause), ...known };
  const { code, logged: detail, input } = cause;
  return { code, detail, ...known, ...(input && { pack_id: input.pack_id, line: input.line }) };
}

function failureOf(error: unknown): { code: string; detail: string } {
  const detail = error instanceof Error ? error.message : String(error);
  return { code: KitError.is(error) ? error.code : 'INTERNAL', detail: detail.slice(0, DETAIL_CHARS_MAX) };
}

/** The failure of a window; its text always names the window. */
function windowFailure({ target, error }: OpenWindow): { code: string; detail: string } {
  const { code, detail } = failureOf(error);
  if (error instanceof WindowError) return { code, detail };
  const start = formatEpochMs(target.window_start_ms).replace(/\.0+Z$/, 'Z');
  const text = `${target.metric}, key ${target.key}, window ${start}: ${detail}`;
  return { code, detail: text.slice(0, DETAIL_CHARS_MAX) };
}

/** The failures to record for the windows that a message left open, before it becomes a dead letter. */
export interface NotedFailures {
  readonly replay_id: string;
  readonly rows: readonly FailureRow[];
  readonly windows: readonly FailedWindow[];
}

/** Returns a failure per window, under source and type of the event at fault; null if the message is unreadable. */
export function notedFailures(context: Context, body: string, error: unknown): NotedFailures | null {
  if (!(error instanceof WindowsFailed)) return null;
  const { replay_id, events } = readMessage(body);
  const failed_ms = context.backend.clock.now();
  const rows = error.windows.map((open) => failureRow(context, open, { events, failed_ms }));
  const windows = error.windows.map((open, i): FailedWindow => {
    const event_id = rows[i]?.event_id ?? null;
    return { ...open.target, failure: { ...windowFailure(open), event_id, failed_ms } };
  });
  return { replay_id, rows, windows };
}

function failureRow(
  context: Context,
  open: OpenWindow,
  { events, failed_ms }: { events: ReplayMessage['events']; failed_ms: number },
): FailureRow {
  const { target, error } = open;
  const input = error instanceof WindowError ? error.input : null;
  const sample = error instanceof WindowError ? error.sample : null;
  const { pack_id, line } = sample ?? eventOf(context, target, events) ?? NO_RECEIPT;
  return {
    kind: 'PROCESSING',
    stage: 'process',
    path: null,
    ...windowFailure(open),
    ...seriesOf(context, target, input),
    event_id: input?.event_id ?? null,
    pack_id,
    line,
    entity_hash: null,
    window: target,
    payload_hash: null,
    received_ms: failed_ms,
    expires_ms: failed_ms + context.indexRetentionMs,
  };
}

/** The series of a failure: that of the event at fault, otherwise what the key says of it. */
function seriesOf(
  { aggregates }: Context,
  { metric, key }: WindowTarget,
  input: FaultyInput | null,
): { source: string | null; event_type: string | null } {
  if (input !== null) return { source: input.source ?? null, event_type: input.event_type ?? null };
  const aggregate = aggregates.get(metric);
  const fields = aggregate === undefined ? null : parseAggregateKey(aggregate.group_by, key);
  return { source: fields?.source ?? null, event_type: fields?.event_type ?? null };
}

/** Returns the first event of a message that lies in a window. */
function eventOf(
  { aggregates }: Context,
  { metric, key, window_start_ms }: WindowTarget,
  events: ReplayMessage['events'],
): { pack_id: string; line: number } | null {
  const aggregate = aggregates.get(metric);
  for (const event of events) {
    const time = parseTime(event.event_time);
    const pack_id = parsePackKey(event.raw_key);
    if (aggregate === undefined || time === null || pack_id === null) continue;
    if (!countsEvent(aggregate, event)) continue;
    const isIn = aggregate.windows.at(time.epoch_ms).start_ms === window_start_ms;
    if (isIn && aggregateKey(aggregate.group_by, event) === key) return { pack_id, line: event.line };
  }
  return null;
}
