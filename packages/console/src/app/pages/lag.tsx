import { durationText } from '@pik/schema/words';
import { minuteText } from '../parts/axis.ts';
import { Grid, type GridRow, type Level } from '../parts/grid.tsx';
import { Page, Scoped } from '../parts/page.tsx';
import { Limits, Shown } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { seriesFields, seriesName, shareText } from '../parts/words.ts';
import { useAddress } from '../state/address.ts';
import { useAnswer } from '../state/answers.ts';
import { type Arrivals, bySeries, type LagGroup, rangeFields, stretchOf, useArrivals } from '../state/arrivals.ts';
import { filtered } from '../state/expression.ts';
import type { Scope } from '../state/scope.ts';

/** Where is data delayed? */
export default function Lag() {
  return (
    <Page title="Lag" lead="Receive time minus event time of first arrivals.">
      <Scoped>{(scope) => <LagOf scope={scope} />}</Scoped>
    </Page>
  );
}

function LagOf({ scope }: { scope: Scope }) {
  const report = useAnswer('lag', { ...scope.range, worst: 25, limit: 1000 });
  const arrivals = useArrivals(scope);
  return (
    <>
      {arrivals.axis !== null && <LagGrid arrivals={arrivals} />}
      <Shown of={report} what="the lag of every series">
        {({ groups, groups_total, worst, partial, notes, covered, late_over_ms }) => (
          <>
            <Limits partial={partial} notes={notes} covered={covered} />
            <Findings groups={groups} />
            <Series groups={groups} total={groups_total} lateOverMs={late_over_ms} />
            <Worst events={worst} />
          </>
        )}
      </Shown>
    </>
  );
}

/** Upper ends of the steps of colour, in milliseconds. */
const STEPS: readonly (readonly [belowMs: number, level: Level, text: string])[] = [
  [60_000, 0, 'below 1 min'],
  [600_000, 1, '10 min'],
  [3_600_000, 2, '1 h'],
  [86_400_000, 3, '1 d'],
  [Number.POSITIVE_INFINITY, 4, 'longer'],
];

function LagGrid({ arrivals: { groups, axis } }: { arrivals: Arrivals }) {
  const { link } = useAddress();
  if (axis === null) return null;
  const rows: GridRow[] = [...bySeries(groups).values()].map((list) => {
    const series = list[0]?.group ?? {};
    return {
      name: seriesName(series),
      where: filtered(undefined, { source: series.source, type: series.event_type }),
      stretches: list
        .map(({ group, figures: { p95_ms, p50_ms, count } }) => ({
          ...stretchOf(group, axis.timeZone),
          level: STEPS.find(([below]) => p95_ms < below)?.[1] ?? 4,
          text: `p95 ${durationText(p95_ms)}, p50 ${durationText(p50_ms)}, ${count.toLocaleString('en-US')} events`,
        }))
        .sort((a, b) => a.startMs - b.startMs)
        .map((cell) => ({ ...cell, href: link('/events', { ...seriesFields(series), ...rangeFields(cell) }) })),
    };
  });
  return (
    <Grid
      title={`95th percentile per ${axis.grain} of event time`}
      axis={axis}
      rows={rows}
      legend={STEPS.map(([, level, text]) => [level, text])}
    />
  );
}

function Findings({ groups }: { groups: readonly LagGroup[] }) {
  const { link } = useAddress();
  const found = groups.flatMap(({ group, findings }) => findings.map((finding) => ({ group, finding })));
  if (found.length === 0) return null;
  return (
    <section class="panel">
      <h2>Clocks</h2>
      {found.map(({ group, finding: { code, text, evidence = [] } }) => (
        <p key={`${seriesName(group)} ${code}`}>
          <span class="badge bad">{code}</span> {seriesName(group)}: {text}{' '}
          {evidence[0]?.event_id !== undefined && (
            <a href={link(`/events/${evidence[0].event_id}`)}>an event that shows it</a>
          )}
        </p>
      ))}
    </section>
  );
}

function Series(props: { groups: readonly LagGroup[]; total: number; lateOverMs: number }) {
  const { groups, total, lateOverMs } = props;
  const { link } = useAddress();
  return (
    <Table
      title={`${total.toLocaleString('en-US')} series, by their share of the delay`}
      rows={groups}
      keyOf={({ group }) => seriesName(group)}
      hrefOf={({ group }) => link('/events', seriesFields(group))}
      columns={[
        { name: 'Series', fixed: true, cell: ({ group }) => seriesName(group) },
        { name: 'Events', end: true, cell: ({ figures }) => figures.count.toLocaleString('en-US') },
        { name: 'p50', end: true, cell: ({ figures }) => durationText(figures.p50_ms) },
        { name: 'p95', end: true, cell: ({ figures }) => durationText(figures.p95_ms) },
        { name: 'p99', end: true, wide: true, cell: ({ figures }) => durationText(figures.p99_ms) },
        { name: 'Max', end: true, wide: true, cell: ({ figures }) => durationText(figures.max_ms) },
        {
          name: `Over ${durationText(lateOverMs)}`,
          end: true,
          cell: ({ figures }) => shareText(figures.late_count / figures.count),
        },
        {
          name: 'Out of order',
          end: true,
          wide: true,
          cell: ({ details }) => details?.out_of_order.series.toLocaleString('en-US') ?? '–',
        },
        { name: 'Of all delay', end: true, cell: ({ figures }) => shareText(figures.delay_share) },
      ]}
    />
  );
}

/** Events of a list, each with its lag. */
function Worst({
  events,
}: {
  events: readonly {
    event_id: string;
    source: string;
    event_type: string;
    entity_id: string;
    event_time: string;
    received_at: string;
    lag_ms: number;
  }[];
}) {
  const { link, fields } = useAddress();
  const zone = fields.tz ?? 'UTC';
  if (events.length === 0) return null;
  return (
    <Table
      title="The latest events"
      rows={events}
      keyOf={({ event_id }) => event_id}
      hrefOf={({ event_id }) => link(`/events/${event_id}`)}
      columns={[
        { name: 'Entity', cell: ({ entity_id }) => entity_id },
        { name: 'Series', fixed: true, wide: true, cell: (event) => seriesName(event) },
        { name: 'Happened', fixed: true, cell: ({ event_time }) => minuteText(event_time, zone) },
        { name: 'Received', fixed: true, wide: true, cell: ({ received_at }) => minuteText(received_at, zone) },
        { name: 'Lag', end: true, cell: ({ lag_ms }) => durationText(lag_ms) },
      ]}
    />
  );
}
