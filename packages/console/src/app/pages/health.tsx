import type { ReportOf } from '@pik/schema';
import { counted } from '@pik/schema/words';

import { Grid, type GridRow, type Level } from '../parts/grid.tsx';
import { Page, Scoped } from '../parts/page.tsx';
import { Spark } from '../parts/spark.tsx';
import { Failed, Limits, Loading } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { noun, type SeriesNames, seriesFields, seriesName } from '../parts/words.ts';
import { useAddress } from '../state/address.ts';
import { type Answered, useAnswer } from '../state/answers.ts';
import { type Arrivals, bySeries, rangeFields, stretchOf, useArrivals } from '../state/arrivals.ts';
import { complete, failing, lag, lastEvent, missing, NOT_JUDGED, repeats, type Verdict } from '../state/health.ts';
import { muted, muteOf } from '../state/muted.ts';
import { failureRange, type Scope } from '../state/scope.ts';

/** Is the pipeline well? */
export function Health() {
  return (
    <Page title="Health" lead="Each series by what can go wrong with it. A red cell leads to its cause.">
      <Scoped>{(scope) => <HealthOf scope={scope} />}</Scoped>
    </Page>
  );
}

interface Reports {
  readonly lag: Answered<ReportOf<'lag'>>;
  readonly gaps: Answered<ReportOf<'gaps'>>;
  readonly duplicates: Answered<ReportOf<'duplicates'>>;
  readonly failures: Answered<ReportOf<'failures'>>;
  readonly completeness: Answered<ReportOf<'completeness'>>;
  readonly arrivals: Arrivals;
}

function HealthOf({ scope }: { scope: Scope }) {
  const { link } = useAddress();
  const { range } = scope;
  const reports: Reports = {
    lag: useAnswer('lag', { ...range, worst: 25, limit: 1000 }),
    gaps: useAnswer('gaps', { ...range, limit: 1000 }),
    duplicates: useAnswer('duplicates', { ...range, worst: 100, limit: 1000 }),
    failures: useAnswer('failures', { ...failureRange(range), limit: 500 }),
    completeness: useAnswer('completeness', { ...range, by: 'source,event_type', limit: 10_000 }),
    arrivals: useArrivals(scope),
  };
  const { arrivals: _, ...answers } = reports;
  const failed = Object.values(answers).find(({ error, data }) => error !== null && data === undefined);
  if (reports.lag.data === undefined) {
    if (reports.lag.error !== null) return <Failed error={reports.lag.error} retry={reports.lag.refetch} />;
    return <Loading what="every series" />;
  }
  return (
    <>
      {failed?.error != null && <Failed error={failed.error} retry={failed.refetch} />}
      <Account reports={reports} />
      {muted.value.length > 0 && (
        <p class="note">
          Not counted as missing: <a href={link('/gaps')}>{counted(muted.value.length, 'gap')} muted in this browser</a>
          .
        </p>
      )}
      <Limits
        partial={Object.values(answers).some(({ data }) => data?.partial)}
        notes={[...new Set(Object.values(answers).flatMap(({ data }) => data?.notes ?? []))]}
      />
      <Matrix reports={reports} />
      <Volume arrivals={reports.arrivals} />
      <p class="dim">
        Red: more than 10 % over the lag limit, a clock at fault, missing windows, 1 % of receipts failing, a storm of
        repeats, or less than 80 % of a day that has ended. Amber: the same to a lesser degree.
      </p>
    </>
  );
}

const SHARES: readonly (readonly [below: number, level: Level, text: string])[] = [
  [0.05, 0, 'below 5 %'],
  [0.25, 1, '25 %'],
  [0.5, 2, '50 %'],
  [0.75, 3, '75 %'],
  [Number.POSITIVE_INFINITY, 4, 'of its highest volume'],
];

/** The volume of every series on the axis of the other pages. */
function Volume({ arrivals: { axis, groups } }: { arrivals: Arrivals }) {
  const { link } = useAddress();
  if (axis === null) return null;
  const rows: GridRow[] = [...bySeries(groups).values()].map((list) => {
    const most = list.reduce((max, { figures }) => Math.max(max, figures.count), 1);
    const cells = list.map(({ group, figures: { count } }) => {
      const stretch = stretchOf(group, axis.timeZone);
      return {
        ...stretch,
        level: SHARES.find(([below]) => count / most < below)?.[1] ?? 4,
        text: `${count.toLocaleString('en-US')} events`,
        href: link('/events', { ...seriesFields(group), ...rangeFields(stretch) }),
      };
    });
    return { name: seriesName(list[0]?.group ?? {}), stretches: cells.sort((a, b) => a.startMs - b.startMs) };
  });
  const legend = SHARES.map(([, level, text]) => [level, text] as const);
  return <Grid title={`Events per ${axis.grain}`} axis={axis} rows={rows} legend={legend} />;
}

/** The books of the range: each receipt has exactly one outcome. */
function Account({ reports: { duplicates, failures } }: { reports: Reports }) {
  const total = duplicates.data?.total;
  if (total == null) return null;
  const rejected = (failures.data?.groups ?? [])
    .filter(({ kind }) => kind === 'REJECT')
    .reduce((sum, { count }) => sum + count, 0);
  const parts = [
    ['accepted', total.events],
    [noun(total.duplicates, 'repeat'), total.duplicates],
    [noun(total.conflicts, 'conflict'), total.conflicts],
  ] as const;
  return (
    <p class="account panel">
      <b>{total.receipts.toLocaleString('en-US')}</b> <span>{noun(total.receipts, 'receipt')} =</span>
      {parts.map(([name, count], index) => (
        <>
          {index > 0 && <span>+</span>} <b>{count.toLocaleString('en-US')}</b> <span>{name}</span>
        </>
      ))}
      {rejected > 0 && (
        <>
          <span>·</span> <b class="bad">{rejected.toLocaleString('en-US')}</b> <span>rejected</span>
        </>
      )}
    </p>
  );
}

interface Line {
  readonly names: SeriesNames;
  readonly last: Verdict;
  readonly lag: Verdict;
  readonly missing: Verdict;
  readonly failing: Verdict;
  readonly repeats: Verdict;
  readonly complete: Verdict;
  readonly volume: readonly { startMs: number; count: number }[];
}

/** The judgements of all reports about one series. */
function lineOf(names: SeriesNames, reports: Reports): Line {
  const { axis, groups } = reports.arrivals;
  const isOwn = (of: { source?: string | null | undefined; event_type?: string | null | undefined }) =>
    of.source === names.source && of.event_type === names.event_type;
  const group = reports.lag.data?.groups.find((one) => isOwn(one.group));
  const gaps = reports.gaps.data;
  const series = gaps?.series.find((one) => isOwn(one.series));
  const failures = reports.failures.data?.groups.filter((one) => isOwn(one.group)) ?? [];
  const duplicates = reports.duplicates.data;
  const figures = duplicates?.groups.find((one) => isOwn(one.group))?.figures;
  const days = reports.completeness.data?.days.filter((one) => isOwn(one.series)) ?? [];
  const failed = failures.reduce((sum, { count }) => sum + count, 0);
  return {
    names,
    last: lastEvent(series, Date.parse(gaps?.range.as_of ?? '')),
    lag: lag(group, reports.lag.data?.late_over_ms ?? 0),
    missing: missing(series, gaps?.gaps.filter((one) => isOwn(one.series) && muteOf(one) === undefined) ?? []),
    failing: reports.failures.data === undefined ? NOT_JUDGED : failing(failed, failures[0]?.receipts ?? 0),
    repeats: repeats(figures, duplicates?.storms.filter(isOwn).length ?? 0),
    complete: complete(days, Date.parse(reports.completeness.data?.range.as_of ?? '')),
    volume:
      axis === null
        ? []
        : groups
            .filter((one) => isOwn(one.group))
            .map((one) => ({ startMs: stretchOf(one.group, axis.timeZone).startMs, count: one.figures.count })),
  };
}

const weight = ({ look }: Verdict) => (look === 'bad' ? 8 : look === 'warn' ? 1 : 0);
const severity = (line: Line) =>
  [line.last, line.lag, line.missing, line.failing, line.repeats, line.complete].reduce(
    (sum, one) => sum + weight(one),
    0,
  );

function Matrix({ reports }: { reports: Reports }) {
  const { link } = useAddress();
  const named = [...bySeries([...(reports.lag.data?.groups ?? []), ...(reports.failures.data?.groups ?? [])]).values()];
  const lines = named.map(([first]) => lineOf(first?.group ?? {}, reports)).sort((a, b) => severity(b) - severity(a));
  const to = (path: string, { names }: Line) => link(path, seriesFields(names));
  const cell = (name: string, path: string, pick: (line: Line) => Verdict) => ({
    name,
    cell: (line: Line) => (
      <Judged verdict={pick(line)} href={to(path, line)} label={`${name} of ${seriesName(line.names)}`} />
    ),
  });
  return (
    <Table
      title={`${lines.length.toLocaleString('en-US')} series, the worst first`}
      rows={lines}
      keyOf={({ names }) => seriesName(names)}
      hrefOf={(line) => to('/events', line)}
      columns={[
        { name: 'Series', fixed: true, cell: ({ names }) => seriesName(names) },
        cell('Last event', '/gaps', ({ last }) => last),
        { name: 'Volume', wide: true, cell: ({ volume }) => <Spark axis={reports.arrivals.axis} values={volume} /> },
        cell('Lag p50 / p95', '/lag', (line) => line.lag),
        cell('Missing', '/gaps', (line) => line.missing),
        cell('Failing', '/failures', (line) => line.failing),
        cell('Repeats', '/duplicates', (line) => line.repeats),
        cell('Latest day', '/completeness', (line) => line.complete),
      ]}
    />
  );
}

function Judged({ verdict: { look, value, why }, href, label }: { verdict: Verdict; href: string; label: string }) {
  return (
    <span class={`judged ${look}`}>
      <a href={href}>
        <span class="unseen">{label}: </span>
        {value}
        {why !== null && <small> {why}</small>}
      </a>
    </span>
  );
}
