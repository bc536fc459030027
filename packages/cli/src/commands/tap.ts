import { printable, tableText } from '@pik/render';
import { counted, KitError } from '@pik/schema';
import { createRecordSender } from '@pik/sdk';
import { checkRecordMap, type RecordMap, runTap, type Tap, type TapReport, type TapTotals } from '@pik/taps';

import { foreignErrorText } from '../foreign-error.ts';
import { loadModule } from '../load-module.ts';
import { writeErr } from '../output.ts';
import { withoutSecrets } from '../secrets.ts';
import { connection, type GlobalOptions, print } from '../session.ts';
import { stopSignal } from '../stop-signal.ts';

/** Options of every tap. */
export interface TapCommandOptions extends GlobalOptions {
  /** A module whose default export is a map. */
  readonly map?: string | undefined;
  /** Source of the events, for the map of a tap without `--map`. */
  readonly source?: string | undefined;
  readonly drain?: boolean | undefined;
}

/** A source that is ready to be opened, and the map for its records if the caller gives none. */
export interface TapSource {
  readonly open: () => Promise<Tap>;
  readonly map: RecordMap;
}

/** Milliseconds of retries of one request; the tap itself tries again after that. */
const DEADLINE_MS = 10_000;

/**
 * Sends the records of a source to the kit until it is stopped, or with `--drain` until there are no more. True if it was
 * stopped, or if every record was taken.
 */
export async function tap({ open, map: usual }: TapSource, options: TapCommandOptions): Promise<boolean> {
  const map = await mapOf(options, usual);
  const sender = createRecordSender({ ...connection(options), mapped: true, deadlineMs: DEADLINE_MS });
  const stop = stopSignal();
  try {
    const totals = await runTap({
      ...{ open, map, signal: stop.signal, drain: options.drain },
      send: (lines) => sender.send(lines),
      onReport: (report) => writeErr(reportText(report)),
    });
    print(options, totals, () => totalsText(totals));
    return stop.signal.aborted || Object.keys(totals.counts).every((outcome) => FINE.has(outcome));
  } finally {
    stop.end();
  }
}

const FINE = new Set(['ACCEPTED', 'DUPLICATE']);

/** The map that the caller names, or the usual one of a source. Throws KitError `CONFIG_INVALID`. */
async function mapOf({ map, source }: TapCommandOptions, usual: RecordMap): Promise<RecordMap> {
  if (map !== undefined && source !== undefined)
    throw new KitError('CONFIG_INVALID', '--source is for taps without --map: the map names the source');
  return map === undefined ? usual : checkRecordMap(await loadModule(map), map);
}

/** A line for a person; none for each batch. */
function reportText(report: TapReport): string {
  if (report.event === 'opened') return `reading ${printable(report.name)}; ctrl-c stops it\n`;
  if (report.event === 'committed') return '';
  const { error } = report;
  const text = KitError.is(error) ? `${error.code}: ${error.message}` : foreignErrorText(error);
  const seconds = (report.retryMs / 1_000).toFixed(1);
  return `the ${report.what} does not answer, trying again in ${seconds} s: ${printable(withoutSecrets(text))}\n`;
}

function totalsText({ records, left_out, counts }: TapTotals): string {
  const lines = [counted(records, 'record')];
  const rows = Object.entries({ ...counts, ...(left_out === 0 ? {} : { 'left out by the map': left_out }) });
  if (rows.length > 0) lines.push(tableText(['outcome', 'records'], rows));
  return lines.join('\n');
}
