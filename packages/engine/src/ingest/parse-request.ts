import { setImmediate } from 'node:timers/promises';

import type { VolatileOf } from '@pik/schema';

import type { IngestRequest } from '../api/pipeline.ts';
import { createLinesBuilders } from '../storage/pack-bytes.ts';
import { type Arrival, arrivalsOf, type MappingSettings, readArrival } from './rules/arrivals.ts';
import type { RequestLines } from './rules/arrived-request.ts';
import { createColumns, type LightColumns } from './rules/light-columns.ts';
import type { ParsedRecord } from './rules/parse-record.ts';
import type { ParsedRequest, ParseOrder } from './rules/parsed-request.ts';

/** Records parsed before the event loop gets a turn: about 5 ms of work. */
const RECORDS_PER_TURN = 250;

/** How records are read, as declared now. */
export interface ParseSettings {
  readonly volatileOf: VolatileOf;
  readonly mappings: MappingSettings;
}

/**
 * Parses a request on this thread.
 *
 * @throws KitError `TOO_MANY_EVENTS`, `EVENT_TOO_LARGE`.
 */
export async function parseRequest(settings: ParseSettings, request: IngestRequest): Promise<ParsedRequest> {
  const { arrivals, single, unreadable } = arrivalsOf(request);
  const records: ParsedRecord[] = [];
  for (const arrival of arrivals) {
    const parsed = readNow(settings, arrival, request);
    const { firstLine } = request;
    records.push(firstLine === undefined ? parsed : { ...parsed, file_line: firstLine + records.length });
    if (records.length % RECORDS_PER_TURN === 0) await setImmediate();
  }
  return { records, lines: null, single, unreadable };
}

/** A parsed live request in the form in which it passes between threads. */
export interface LightRequest extends Pick<ParsedRequest, 'single' | 'unreadable'> {
  readonly columns: LightColumns;
  readonly lines: RequestLines;
}

/** Parses live requests, each at once, on a thread that does nothing else. Throws like `parseRequest`. */
export function createLightParser(settings: ParseSettings): (order: ParseOrder) => LightRequest {
  const linesBuilder = createLinesBuilders();
  return (order) => {
    const { receivedMs, principal } = order;
    const { arrivals, single, unreadable } = arrivalsOf(order);
    const columns = createColumns(arrivals.length, receivedMs);
    const lines = linesBuilder(arrivals.length, principal);
    for (const arrival of arrivals) {
      const parsed = readNow(settings, arrival, { receivedMs, mode: 'live' });
      columns.add(parsed);
      lines.add(parsed);
    }
    return { columns: columns.columns(), lines: lines.lines(), single, unreadable };
  };
}

function readNow(
  { volatileOf, mappings }: ParseSettings,
  arrival: Arrival,
  { receivedMs, mode }: Pick<IngestRequest, 'receivedMs' | 'mode'>,
): ParsedRecord {
  return readArrival(arrival, mappings, { receivedMs, imported: mode === 'import', volatileOf });
}
