import { setImmediate } from 'node:timers/promises';

import type { IngestAnswer, IngestRequest } from '../api/pipeline.ts';
import type { Context } from '../runtime/context.ts';
import { predictOutcomes } from './dry-run.ts';
import { arrivingWire } from './hooks.ts';
import { predictedAnswer } from './ingest-answer.ts';
import { type Arrival, arrivalsOf, readArrival } from './rules/arrivals.ts';
import type { ParsedRecord } from './rules/parse-record.ts';
import { storeAndAdmit } from './write-group.ts';

/** Records parsed before the event loop gets a turn: about 5 ms of work. */
const RECORDS_PER_TURN = 250;

/** Answers a request once all of it is durable, in log and index. Few requests are parsed at a time, many wait for a group. */
export async function ingest(context: Context, request: IngestRequest): Promise<IngestAnswer> {
  const startedMs = performance.now();
  const { records, predicted, ...form } = await context.parsing(() => parse(context, request));
  if (predicted !== null) return { ...predicted, ...form };
  context.telemetry.observe('IngestParseMs', [performance.now() - startedMs]);
  const stored = { ...request, imported: request.mode === 'import' };
  return { ...(await storeAndAdmit(context, records, stored)), ...form };
}

/** Parses a request, and waits until there is room for it. A dry run, and a request without records, need none. */
async function parse(context: Context, request: IngestRequest) {
  const wire = request.wire === undefined ? undefined : arrivingWire(context.hooks, request.wire, request);
  const { arrivals, single, unreadable } = arrivalsOf({ ...request, wire });
  const records = await parseRecords(context, arrivals, request);
  const parsed = { records, single, unreadable };
  if (records.length === 0) return { ...parsed, predicted: { results: [], counts: {} } };
  if (request.dryRun)
    return { ...parsed, predicted: predictedAnswer(records, await predictOutcomes(context, records)) };
  await context.groups.room();
  return { ...parsed, predicted: null };
}

async function parseRecords(
  { volatileOf, mappings }: Context,
  arrivals: readonly Arrival[],
  request: IngestRequest,
): Promise<ParsedRecord[]> {
  const context = { receivedMs: request.receivedMs, imported: request.mode === 'import', volatileOf };
  const records: ParsedRecord[] = [];
  const { firstLine } = request;
  for (const arrival of arrivals) {
    const parsed = readArrival(arrival, mappings, context);
    records.push(firstLine === undefined ? parsed : { ...parsed, file_line: firstLine + records.length });
    if (records.length % RECORDS_PER_TURN === 0) await setImmediate();
  }
  return records;
}
