import { printable, tableText } from '@pik/render';
import { at, counted, KitError } from '@pik/schema';

import type { Entry } from './batches.ts';
import { placeOf, type RecordFile } from './record-file.ts';
import type { EntryOutcome } from './send-batch.ts';

/** A record that was not taken as a new event or a repeat. */
export interface ListedRecord {
  readonly status: string;
  /** `FILE:LINE`, or `FILE:LINE:COLUMN` if a line may have several records. */
  readonly place: string;
  readonly line: number;
  readonly code: string;
  readonly detail: string;
  /** The address of the stored receipt; null if there is none. */
  readonly receipt: string | null;
}

/** The point at which the work ended before the file did. */
export interface Stop {
  readonly error: KitError;
  /** The first record without an outcome; null if the file itself ended the work. */
  readonly place: string | null;
}

/** Records listed per outcome; all are counted. */
const LISTED_MAX = 10;
const TAKEN = new Set(['ACCEPTED', 'DUPLICATE', 'CONFLICT']);
const FINE = new Set(['ACCEPTED', 'DUPLICATE']);

/** Counts the outcomes of a file's records. */
export class Totals {
  readonly counts: Record<string, number> = {};
  readonly listed: ListedRecord[] = [];
  stop: Stop | null = null;
  /** Records that were sent and whose outcome is unknown. */
  open = 0;
  readonly #source: RecordFile;

  constructor(source: RecordFile) {
    this.#source = source;
  }

  /** Counts the outcomes of a batch, in file order. The work ends at the first record without one. */
  add(entries: readonly Entry[], outcomes: readonly EntryOutcome[]): void {
    for (const [i, { record }] of entries.entries()) {
      const outcome = at(outcomes, i);
      const place = placeOf(this.#source, record);
      if (KitError.is(outcome)) {
        this.stop ??= { error: outcome, place };
        this.open += 1;
        continue;
      }
      const { status, code = '', detail = '' } = outcome;
      const before = this.counts[status] ?? 0;
      this.counts[status] = before + 1;
      if (FINE.has(status) || before >= LISTED_MAX) continue;
      const why = status === 'CONFLICT' ? `same key as ${outcomeId(outcome)}, with another payload` : detail;
      this.listed.push({ status, place, line: record.line, code, detail: why, receipt: receiptOf(outcome) });
    }
  }

  /** Records with an outcome. */
  get records(): number {
    return Object.values(this.counts).reduce((sum, n) => sum + n, 0);
  }

  /** Records that the backend holds as an event. */
  get taken(): number {
    return [...TAKEN].reduce((sum, status) => sum + (this.counts[status] ?? 0), 0);
  }

  get allFine(): boolean {
    return Object.keys(this.counts).every((status) => FINE.has(status));
  }

  listedAs(...statuses: string[]): Omit<ListedRecord, 'status'>[] {
    return this.listed.filter(({ status }) => statuses.includes(status)).map(({ status, ...rest }) => rest);
  }
}

function outcomeId(outcome: EntryOutcome): string {
  return 'event_id' in outcome && outcome.event_id !== null ? outcome.event_id : 'another event';
}

function receiptOf(outcome: EntryOutcome): string | null {
  if (!('raw_key' in outcome) || outcome.raw_key === null) return null;
  const pack = /([^/]+)\.ndjson\.gz$/.exec(outcome.raw_key)?.[1];
  return pack === undefined ? null : `${pack}/${outcome.line}`;
}

/** The totals as text. */
export function totalsText(totals: Totals, tookMs: number): string {
  const lines = [`${counted(totals.records, 'record')} in ${(tookMs / 1000).toFixed(1)} s`];
  if (totals.records > 0) lines.push(tableText(['outcome', 'records'], Object.entries(totals.counts)));
  for (const [heading, ...statuses] of HEADINGS) {
    const listed = totals.listed.filter(({ status }) => statuses.includes(status));
    if (listed.length === 0) continue;
    // Conflicts have no code.
    const rows = listed.map(({ status, place, code, detail }) => [printable(place), code || status, printable(detail)]);
    lines.push(`${heading}:`, tableText(['record', 'code', 'why'], rows));
  }
  return lines.join('\n');
}

const HEADINGS: readonly (readonly [heading: string, ...statuses: string[]])[] = [
  ['first rejections', 'REJECTED'],
  ['first records that were not taken', 'NOT_SENT', 'UNDELIVERED'],
  ['first conflicts', 'CONFLICT'],
];
