import { formatEpochMs, type Instant, parseTime, type SelectionPage } from '@pik/schema';
import type { RawOptions, SelectionQuery } from '../api/pipeline.ts';
import type { EventRow } from '../ports/rows.ts';
import type { ReportScope } from '../reports/rules/report-scope.ts';
import { whyEmpty } from '../reports/why-empty.ts';
import { pageCut } from '../runtime/bounded-page.ts';
import type { Context } from '../runtime/context.ts';
import { type ReadRows, rawLines } from '../storage/raw-events.ts';
import { eventView } from '../storage/rules/event-view.ts';
import { EMPTY_SELECTION } from './rules/selection.ts';
import { walk } from './walk.ts';

/** Returns a page of the events of a time range by source or type, in the order in which a replay walks them. */
export async function selectEvents(context: Context, query: SelectionQuery): Promise<SelectionPage> {
  const { rows, scanned, asOfMs, next } = await selectRows(context, query);
  const isEmpty = rows.length === 0 && next === null && query.cursor === null;
  return {
    events: rows.map(eventView),
    ...(isEmpty ? { empty: await whyNoneSelected(context, query, asOfMs) } : {}),
    as_of: formatEpochMs(asOfMs),
    next_cursor: next,
    ...(next !== null && scanned < query.limit ? pageCut(context.budget) : {}),
  };
}

/** Explains an empty selection. It includes imported events. Receive times are tested last: they only narrow the result. */
async function whyNoneSelected(context: Context, query: SelectionQuery, asOfMs: number): Promise<string> {
  const ms = (text: string) => (parseTime(text) as Instant).epoch_ms;
  const scope: ReportScope = {
    start_time: ms(query.start_time),
    end_time: ms(query.end_time),
    asOfMs,
    basis: 'event',
    by: [],
    includeImported: true,
  };
  return whyEmpty(context, { scope, source: query.source ?? undefined, event_type: query.event_type ?? undefined });
}

/** Yields the events as NDJSON lines with their received text, as `rawEvents` does for an entity. */
export async function* selectRawEvents(
  context: Context,
  query: SelectionQuery,
  options?: Partial<RawOptions>,
): AsyncGenerator<string> {
  const asOfMs = query.asOfMs ?? context.clock.now();
  const readRows: ReadRows = (limit, cursor) => selectRows(context, { ...query, asOfMs, limit, cursor });
  yield* rawLines(context, { ...query, asOfMs, readRows }, options);
}

async function selectRows(
  context: Context,
  query: SelectionQuery,
): Promise<{ rows: readonly EventRow[]; scanned: number; asOfMs: number; next: string | null }> {
  const { source, event_type, start_time, end_time, received_from, received_to, limit, cursor } = query;
  const asOfMs = query.asOfMs ?? context.clock.now();
  const selection = { ...EMPTY_SELECTION, source, event_type, start_time, end_time, received_from, received_to };
  const { rows, scanned, next } = await walk(context, { selection, asOfMs, limit, cursor, mayEndEarly: true });
  return { rows, scanned, asOfMs, next };
}
