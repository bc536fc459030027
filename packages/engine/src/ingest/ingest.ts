import type { IngestAnswer, IngestRequest } from '../api/pipeline.ts';
import type { Context } from '../runtime/context.ts';
import { predictOutcomes } from './dry-run.ts';
import { arrivingWire } from './hooks.ts';
import { predictedAnswer } from './ingest-answer.ts';
import { parseRequest } from './parse-request.ts';
import type { ParsedRequest } from './rules/parsed-request.ts';
import { storeAndAdmit } from './write-group.ts';

/** Handing a smaller body to another thread takes as long as parsing it here. */
const PARSED_HERE_BYTES_MAX = 32 * 1024;

/** Answers a request once all of it is durable, in log and index. Few requests are parsed at a time, many wait for a group. */
export async function ingest(context: Context, request: IngestRequest): Promise<IngestAnswer> {
  const startedMs = performance.now();
  const { parts, predicted, ...form } = await context.parsing(() => parse(context, request));
  if (predicted !== null) return { ...predicted, ...form };
  context.telemetry.observe('IngestParseMs', [performance.now() - startedMs]);
  const stored = { ...request, imported: request.mode === 'import' };
  return { ...(await storeAndAdmit(context, parts, stored)), ...form };
}

/** Parses a request, and waits until there is room for it. A dry run, and a request without records, need none. */
async function parse(context: Context, request: IngestRequest) {
  const wire = request.wire === undefined ? undefined : arrivingWire(context.hooks, request.wire, request);
  const { single, unreadable, ...parts } = await parseSomewhere(context, { ...request, wire });
  const { records } = parts;
  const parsed = { parts, single, unreadable };
  if (records.length === 0) return { ...parsed, predicted: { results: [], counts: {} } };
  if (request.dryRun)
    return { ...parsed, predicted: predictedAnswer(records, await predictOutcomes(context, records)) };
  await context.groups.room();
  return { ...parsed, predicted: null };
}

/** An import is parsed here: its rank needs the text of each record. */
async function parseSomewhere(context: Context, request: IngestRequest): Promise<ParsedRequest> {
  const { parsers } = context;
  const isHere = request.mode === 'import' || request.body.length <= PARSED_HERE_BYTES_MAX;
  return parsers === null || isHere || !parsers.isUsable ? parseRequest(context, request) : parsers.parse(request);
}
