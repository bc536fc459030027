import { printable, tableText } from '@pik/render';
import { type IngestResult, KitError } from '@pik/schema';
import { createRecordSender } from '@pik/sdk';
import type { RecordMap } from '@pik/taps';

import { connection, type GlobalOptions, print } from '../session.ts';
import { type MappedRow, openMapped } from './mapped-file.ts';
import { placeOf } from './record-file.ts';

/** Events that are shown. */
const SHOWN = 10;
/** Rows among which they are searched: a map may leave out most. */
const ROWS_MAX = 10_000;
const PAYLOAD_CHARS = 60;

/**
 * Shows the first ten events that a map reads in a file, each with the outcome that it would have now; sends nothing. True if all of
 * them would be accepted.
 */
export async function showMapped(
  file: string,
  map: RecordMap,
  options: GlobalOptions & { backfill: boolean },
): Promise<boolean> {
  const { source, rows } = await openMapped(file, map);
  const shown: MappedRow[] = [];
  let count = 0;
  for await (const batch of rows) {
    for (const row of batch) if (row.sent !== null && shown.length < SHOWN) shown.push(row);
    count += batch.length;
    if (shown.length >= SHOWN || count >= ROWS_MAX) break;
  }
  source.close();
  const sender = createRecordSender({ ...connection(options), backfill: options.backfill, mapped: true, dryRun: true });
  const outcomes = shown.length === 0 ? [] : await sender.send(shown.map(({ sent }) => sent ?? ''));
  const events = shown.map((row, i) => {
    const outcome = outcomes[i];
    if (outcome === undefined || KitError.is(outcome))
      throw outcome ?? new KitError('INTERNAL', 'a row has no outcome');
    return { place: placeOf(source, { ...row, bytes: null, size: 0 }), ...eventIn(row), outcome };
  });
  const answer = { file: source.name, form: source.form, map: `${map.name} ${map.version}`, events };
  print(options, answer, () => tableOf(events));
  return events.every(({ outcome }) => outcome.status === 'ACCEPTED' || outcome.status === 'DUPLICATE');
}

interface Shown {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly payload: unknown;
}

/** The event in a line that would be sent; of one without a payload, the record. */
function eventIn({ sent }: MappedRow): Shown {
  const {
    fields = {},
    payload,
    record,
  }: { fields?: Record<string, unknown>; payload?: unknown; record?: string } = JSON.parse(sent ?? '{}');
  return { fields, payload: payload === undefined ? (record ?? null) : payload };
}

function tableOf(events: readonly (Shown & { place: string; outcome: IngestResult })[]): string {
  if (events.length === 0) return 'the map reads no event in the first rows';
  const heads = ['record', 'outcome', 'source', 'type', 'entity', 'time', 'payload'];
  const rows = events.map(({ place, fields, payload, outcome: { status, code, detail } }) => {
    const cell = (name: string) => printable(String(fields[name] ?? ''));
    const why = code === undefined ? status : `${code}: ${printable(detail ?? '')}`;
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
    const short = text.length > PAYLOAD_CHARS ? `${text.slice(0, PAYLOAD_CHARS).toWellFormed()}…` : text;
    return [
      printable(place),
      why,
      cell('source'),
      cell('event_type'),
      cell('entity_id'),
      cell('event_time'),
      printable(short),
    ];
  });
  return `${tableText(heads, rows)}\nnothing was sent`;
}
