import { tableText } from '@pik/render';
import { counted, durationText } from '@pik/schema';
import { connection, type GlobalOptions, investigator, printAnswer } from '../session.ts';
import { headline, type Overview, overviewOf, type SeriesStatus } from '../status/overview.ts';
import { type RangeOptions, startOf } from '../times.ts';
import { type WatchOptions, watching } from '../watch.ts';

/** Options of `pik status`. */
export interface StatusOptions extends GlobalOptions, RangeOptions, WatchOptions {
  readonly includeImported?: boolean | undefined;
}

/** Series and alarms that fit on one screen. */
const ROWS_MAX = 20;
const DEFAULT_SINCE = '24h';

/** Shows on one screen if events flow, what needs attention, and since when. True if nothing does. */
export function status(options: StatusOptions): Promise<boolean> {
  return watching(options, async () => {
    const overview = await readOverview(options);
    printAnswer(options, {
      answer: overview,
      pages: ['series'],
      text: () => overviewText(overview, connection(options).url),
    });
    return overview.alarms.length === 0;
  });
}

async function readOverview(options: StatusOptions): Promise<Overview> {
  const ask = investigator(options);
  const { to: end_time, timeZone: time_zone, includeImported: include_imported } = options;
  const range = { start_time: startOf(options) ?? DEFAULT_SINCE, end_time, time_zone };
  const by = ['source', 'event_type'] as const;
  const [lag, gaps, failures, deadLetters] = await Promise.all([
    ask.ask('lag', { ...range, by: [...by], basis: 'received', include_imported }),
    ask.ask('gaps', { ...range, include_imported }),
    ask.ask('failures', { ...range, by: [...by] }),
    readAll(ask.readDeadLetters()),
  ]);
  return overviewOf({ lag, gaps, failures, deadLetters });
}

async function readAll<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function overviewText(overview: Overview, url: string): string {
  const { series, alarms, notes } = overview;
  const lines = [`${url}. ${headline(overview, Date.now())}`];
  if (series.length > 0)
    lines.push(
      '',
      tableText(
        ['series', 'state', 'last event', 'events', 'lag p50', 'lag p95', 'late', 'failures'],
        series.slice(0, ROWS_MAX).map(rowOf),
      ),
    );
  if (series.length > ROWS_MAX)
    lines.push(`and ${counted(series.length - ROWS_MAX, 'more series', 'more series')} (--json has all)`);
  lines.push('', alarms.length === 0 ? 'Nothing needs attention.' : `${counted(alarms.length, 'thing')} to look at:`);
  for (const { kind, text, since, command } of alarms.slice(0, ROWS_MAX))
    lines.push(`  ${kind}${since === null ? '' : ` since ${since}`}`, `    ${text}`, `    ${command}`);
  if (alarms.length > ROWS_MAX) lines.push(`  and ${alarms.length - ROWS_MAX} more (--json has all)`);
  for (const note of notes) lines.push(`note: ${note}`);
  return lines.join('\n');
}

function rowOf({ series, state, last_event_at, events, lag_p50_ms, lag_p95_ms, late, failures }: SeriesStatus) {
  const lag = (ms: number | null) => (ms === null ? null : durationText(ms));
  return [series, state, last_event_at, events, lag(lag_p50_ms), lag(lag_p95_ms), late, failures];
}
