import { groupName, percent, shortTime } from '@pik/render';
import {
  counted,
  type DeadLetter,
  durationText,
  type FailuresReport,
  type GapsReport,
  type LagReport,
} from '@pik/schema';

/** The answers that the overview is made of, all over the same range. */
export interface Answers {
  readonly lag: LagReport;
  readonly gaps: GapsReport;
  readonly failures: FailuresReport;
  readonly deadLetters: readonly DeadLetter[];
}

/** One series on the overview. */
export interface SeriesStatus {
  readonly series: string;
  /** Null if no event of the range is in the series. */
  readonly last_event_at: string | null;
  readonly events: number;
  /** Half of its events, and 95 of 100, arrived within this many milliseconds; null without events. */
  readonly lag_p50_ms: number | null;
  readonly lag_p95_ms: number | null;
  readonly late: number;
  readonly failures: number;
  readonly state: 'ok' | 'silent' | 'gaps' | 'failing';
}

/** Something that needs attention, since when, and the command that shows the evidence. */
export interface Alarm {
  readonly kind: 'SILENT' | 'GAP' | 'REJECT' | 'CONFLICT' | 'PROCESSING' | 'CLOCK' | 'DEAD_LETTERS';
  readonly text: string;
  readonly since: string | null;
  readonly command: string;
}

/** Whether events flow, and what needs attention. */
export interface Overview {
  readonly range: LagReport['range'];
  /** The latest event time of any series; null if the range has no event. */
  readonly last_event_at: string | null;
  /** Names the filter that left it empty; null if it is not empty. */
  readonly empty: string | null;
  readonly series: readonly SeriesStatus[];
  readonly alarms: readonly Alarm[];
  /** Parts that the answers do not cover. */
  readonly notes: readonly string[];
}

/** Makes the overview from the answers; series with alarms come first, then those with most events. */
export function overviewOf(answers: Answers): Overview {
  const { lag, gaps, failures } = answers;
  const alarms = alarmsOf(answers);
  const series = seriesOf(answers);
  const last = series
    .map(({ last_event_at }) => last_event_at ?? '')
    .sort()
    .at(-1);
  const notes = Object.entries({ lag, gaps, failures }).flatMap(([name, report]) =>
    report.notes.map((note) => `${name}: ${note}`),
  );
  return { range: lag.range, last_event_at: last || null, empty: lag.empty ?? null, series, alarms, notes };
}

function seriesOf({ lag, gaps, failures }: Answers): SeriesStatus[] {
  const bySeries = new Map<string, { -readonly [K in keyof SeriesStatus]: SeriesStatus[K] }>();
  const rowOf = (group: Readonly<Record<string, string | undefined>>) => {
    const series = groupName(group);
    const empty = { last_event_at: null, events: 0, lag_p50_ms: null, lag_p95_ms: null, late: 0, failures: 0 };
    const row = bySeries.get(series) ?? { series, ...empty, state: 'ok' as const };
    bySeries.set(series, row);
    return row;
  };
  for (const { group, figures } of lag.groups)
    Object.assign(rowOf(group), {
      events: figures.count,
      lag_p50_ms: figures.p50_ms,
      lag_p95_ms: figures.p95_ms,
      late: figures.late_count,
    });
  for (const { series, last_time, silence } of gaps.series) {
    const row = rowOf(series);
    row.last_event_at = shortTime(last_time);
    if (isSilent(silence)) row.state = 'silent';
  }
  for (const { series, state } of gaps.gaps) {
    const row = rowOf(series);
    if (state !== 'PENDING' && row.state === 'ok') row.state = 'gaps';
  }
  for (const { group, count } of failures.groups) {
    // Receipts that do not reveal whose they are belong to no series.
    if (Object.keys(group).length === 0) continue;
    const row = rowOf(group);
    row.failures += count;
    if (row.state === 'ok') row.state = 'failing';
  }
  const calm = (row: SeriesStatus) => (row.state === 'ok' ? 1 : 0);
  return [...bySeries.values()].sort(
    (a, b) => calm(a) - calm(b) || b.events - a.events || (a.series < b.series ? -1 : 1),
  );
}

function alarmsOf({ lag, gaps, failures, deadLetters }: Answers): Alarm[] {
  const silent = gaps.series.flatMap(({ series, silence }): Alarm[] =>
    silence !== null && isSilent(silence)
      ? [alarm('SILENT', `${groupName(series)}: ${silence.text}`, { since: silence.since, ask: `gaps${of(series)}` })]
      : [],
  );
  const missing = gaps.gaps.flatMap(({ series, state, text, start_time }): Alarm[] =>
    state === 'PENDING'
      ? []
      : [alarm('GAP', `${groupName(series)}: ${text}`, { since: start_time, ask: `gaps${of(series)}` })],
  );
  const failing = failures.groups.map(({ kind, group, code, detail, count, share, first_seen }) => {
    const whose = groupName(group) || 'receipts of unknown source';
    const why = detail === null ? code : `${code}, ${detail}`;
    const text = `${whose}: ${counted(count, 'failure')} (${percent(share)}): ${why}`;
    return alarm(kind, text, { since: first_seen, ask: `rejects --code ${code}${of(group)}` });
  });
  const clocks = lag.groups.flatMap(({ group, findings }) =>
    findings.map(({ text }) => alarm('CLOCK', `${groupName(group)}: ${text}`, { since: null, ask: `lag${of(group)}` })),
  );
  const [first, ...more] = deadLetters.map(({ died_at }) => died_at).sort();
  const dead =
    first === undefined
      ? []
      : [
          alarm('DEAD_LETTERS', `${counted(more.length + 1, 'message')} of replays could not be processed`, {
            since: first,
            ask: 'dead-letters',
          }),
        ];
  return [...silent, ...dead, ...failing, ...missing, ...clocks];
}

/** True if a silence is too long for chance, or the clock of the series has made deliveries due. */
function isSilent(silence: GapsReport['series'][number]['silence']): boolean {
  return silence !== null && (silence.longer_than_chance === true || (silence.overdue ?? 0) > 0);
}

function alarm(kind: Alarm['kind'], text: string, { since, ask }: { since: string | null; ask: string }): Alarm {
  return { kind, text, since: since === null ? null : shortTime(since), command: `pik ${ask}` };
}

/** The flags that select a series, quoted for a shell where its name needs it. */
function of({ source, event_type }: Readonly<Record<string, string | undefined>>): string {
  const quoted = (text: string) => (/^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
  const flag = (name: string, text: string | undefined) => (text === undefined ? '' : ` --${name} ${quoted(text)}`);
  return flag('source', source) + flag('type', event_type);
}

/** The range of the overview, and whether events flow, in one line. */
export function headline({ range, last_event_at, empty, series }: Overview, nowMs: number): string {
  const during = `${shortTime(range.start_time ?? '')} to ${shortTime(range.end_time ?? range.as_of)}`;
  const received = series.reduce((sum, { events }) => sum + events, 0);
  if (last_event_at === null && received > 0)
    return `${counted(received, 'event')} received from ${during}, all of them about earlier or later times.`;
  if (last_event_at === null) return `No event from ${during}. ${empty ?? ''}`.trimEnd();
  const age = nowMs - Date.parse(last_event_at);
  return `The last event is ${age < 0 ? 'in the future' : `${durationText(age)} old`} (${during}).`;
}
