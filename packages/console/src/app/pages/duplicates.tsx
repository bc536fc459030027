import type { ReportOf } from '@pik/schema';
import { durationText } from '@pik/schema/words';

import { type Axis, minuteText } from '../parts/axis.ts';
import { Grid, type GridRow, type Level, type Stretch } from '../parts/grid.tsx';
import { Page, Scoped } from '../parts/page.tsx';
import { Limits, Shown } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { seriesFields, seriesName, shareText } from '../parts/words.ts';
import { useAddress } from '../state/address.ts';
import { useAnswer } from '../state/answers.ts';
import { bySeries, rangeFields, stretchOf, useArrivals } from '../state/arrivals.ts';
import type { Scope } from '../state/scope.ts';

type Report = ReportOf<'duplicates'>;

/** What arrived more than once? */
export default function Duplicates() {
  return (
    <Page title="Duplicates" lead="Receipts that repeat an event, and conflicts: one key with two payloads.">
      <Scoped>{(scope) => <DuplicatesOf scope={scope} />}</Scoped>
    </Page>
  );
}

function DuplicatesOf({ scope }: { scope: Scope }) {
  const { axis } = useArrivals(scope);
  const report = useAnswer('duplicates', { ...scope.range, worst: 100, limit: 1000 });
  const over =
    axis === null ? null : { ...scope.range, worst: 1, limit: 10_000, by: `source,event_type,${axis.grain}` };
  const cells = useAnswer('duplicates', over);
  return (
    <>
      {axis !== null && cells.data !== undefined && <RepeatGrid report={cells.data} axis={axis} />}
      <Shown of={report} what="the repeats of every series">
        {(answer) => (
          <>
            <Limits partial={answer.partial} notes={answer.notes} covered={answer.covered} />
            <Storms report={answer} />
            <Groups report={answer} />
            <Worst report={answer} />
          </>
        )}
      </Shown>
    </>
  );
}

const STEPS: readonly (readonly [below: number, level: Level, text: string])[] = [
  [0.001, 0, 'none or below 0.1 %'],
  [0.01, 1, '1 %'],
  [0.05, 2, '5 %'],
  [0.25, 3, '25 %'],
  [2, 4, 'more'],
];

function RepeatGrid({ report: { groups, storms }, axis }: { report: Report; axis: Axis }) {
  const { link } = useAddress();
  const rows: GridRow[] = [...bySeries(groups).values()].map((list) => {
    const series = list[0]?.group ?? {};
    const cells = list.map(({ group, figures: { repeat_share, duplicates, conflicts, receipts } }): Stretch => {
      const stretch = stretchOf(group, axis.timeZone);
      return {
        ...stretch,
        level: STEPS.find(([below]) => repeat_share < below)?.[1] ?? 4,
        text: `${shareText(repeat_share)} of ${receipts.toLocaleString('en-US')} receipts: ${duplicates} repeats, ${conflicts} conflicts`,
        href: link('/duplicates', { ...seriesFields(series), ...rangeFields(stretch) }),
      };
    });
    const own = storms.filter(({ source, event_type }) => source === series.source && event_type === series.event_type);
    const storm = own.map(
      ({ start_time, end_time, repeats }): Stretch => ({
        startMs: Date.parse(start_time),
        endMs: Date.parse(end_time),
        level: 'bad',
        text: `storm of ${repeats} repeats`,
      }),
    );
    return { name: seriesName(series), stretches: [...cells.sort((a, b) => a.startMs - b.startMs), ...storm] };
  });
  const legend = [...STEPS.map(([, level, text]) => [level, text] as const), ['bad', 'storm'] as const];
  return <Grid title={`Share of repeats per ${axis.grain}`} axis={axis} rows={rows} legend={legend} />;
}

function Storms({ report: { storms } }: { report: Report }) {
  const { fields, link } = useAddress();
  if (storms.length === 0) return null;
  const zone = fields.tz ?? 'UTC';
  return (
    <Table
      title="Storms: hours with far more repeats than usual"
      rows={storms}
      keyOf={({ source, event_type, start_time }) => `${source} ${event_type} ${start_time}`}
      hrefOf={(storm) => link('/duplicates', { ...seriesFields(storm), from: storm.start_time, to: storm.end_time })}
      columns={[
        { name: 'Series', fixed: true, cell: (storm) => seriesName(storm) },
        { name: 'From', fixed: true, cell: ({ start_time }) => minuteText(start_time, zone) },
        { name: 'To', fixed: true, cell: ({ end_time }) => minuteText(end_time, zone) },
        { name: 'Repeats', end: true, cell: ({ repeats }) => repeats.toLocaleString('en-US') },
        { name: 'Share', end: true, cell: ({ share }) => shareText(share) },
        { name: 'Usual', end: true, cell: ({ usual_share }) => shareText(usual_share) },
      ]}
    />
  );
}

function Groups({ report: { groups, groups_total } }: { report: Report }) {
  const { link } = useAddress();
  const delay = (ms: number | null) => (ms === null ? '–' : durationText(ms));
  return (
    <Table
      title={`${groups_total.toLocaleString('en-US')} series, most repeats first`}
      rows={groups}
      keyOf={({ group }) => seriesName(group)}
      hrefOf={({ group }) => link('/duplicates', seriesFields(group))}
      columns={[
        { name: 'Series', fixed: true, cell: ({ group }) => seriesName(group) },
        { name: 'Receipts', end: true, cell: ({ figures }) => figures.receipts.toLocaleString('en-US') },
        { name: 'Repeats', end: true, cell: ({ figures }) => figures.duplicates.toLocaleString('en-US') },
        { name: 'Conflicts', end: true, cell: ({ figures }) => figures.conflicts.toLocaleString('en-US') },
        { name: 'Share', end: true, cell: ({ figures }) => shareText(figures.repeat_share) },
        { name: 'Delay p50', end: true, wide: true, cell: ({ figures }) => delay(figures.delay_p50_ms) },
        { name: 'Delay max', end: true, wide: true, cell: ({ figures }) => delay(figures.delay_max_ms) },
      ]}
    />
  );
}

function Worst({ report: { worst, worst_total } }: { report: Report }) {
  const { link, fields } = useAddress();
  if (worst.length === 0) return null;
  return (
    <Table
      title={`${worst_total.toLocaleString('en-US')} repeated events, most repeats first`}
      rows={worst}
      keyOf={({ event_id }) => event_id}
      hrefOf={({ event_id }) => link(`/events/${event_id}`)}
      columns={[
        { name: 'Entity', cell: ({ event, event_id }) => event?.entity_id ?? event_id },
        {
          name: 'Series',
          fixed: true,
          wide: true,
          cell: ({ event }) => (event === null ? 'its retention has ended' : seriesName(event)),
        },
        {
          name: 'Happened',
          fixed: true,
          cell: ({ event }) => (event === null ? '–' : minuteText(event.event_time, fields.tz ?? 'UTC')),
        },
        { name: 'Repeats', end: true, cell: ({ repeats }) => repeats.toLocaleString('en-US') },
      ]}
    />
  );
}
