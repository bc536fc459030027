import type { ReportOf } from '@pik/schema';
import { durationText } from '@pik/schema/words';

import type { Axis } from '../parts/axis.ts';
import { minuteText } from '../parts/axis.ts';
import { Grid, type GridRow, type Level } from '../parts/grid.tsx';
import { Page, Scoped } from '../parts/page.tsx';
import { Limits, Shown } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { seriesFields, seriesName, shareText } from '../parts/words.ts';
import { useAddress } from '../state/address.ts';
import { useAnswer } from '../state/answers.ts';
import { rangeFields, stretchOf, useArrivals } from '../state/arrivals.ts';
import type { Scope } from '../state/scope.ts';

type Report = ReportOf<'completeness'>;
type Day = Report['days'][number];

const HOUR = 3_600_000;
/** Ages after the end of a day, by the text of the field `mark`. */
const MARKS = { '0h': 0, '1h': HOUR, '6h': 6 * HOUR, '24h': 24 * HOUR, '48h': 48 * HOUR } as const;
type Mark = keyof typeof MARKS;

/** How complete is each day? */
export default function Completeness() {
  return (
    <Page
      title="Completeness"
      lead="How much of each day of event time had arrived, and when an open day will be complete."
    >
      <Scoped>{(scope) => <DaysOf scope={scope} />}</Scoped>
    </Page>
  );
}

function DaysOf({ scope }: { scope: Scope }) {
  const { fields, set } = useAddress();
  const mark: Mark = fields.mark !== undefined && fields.mark in MARKS ? (fields.mark as Mark) : '24h';
  const { axis } = useArrivals(scope);
  const report = useAnswer('completeness', { ...scope.range, by: 'source,event_type', limit: 10_000 });
  return (
    <Shown of={report} what="the days of every series">
      {(answer) => (
        <>
          <Limits partial={answer.partial} notes={answer.notes} covered={answer.covered} />
          <p class="row bar-row">
            <span class="dim">Share that had arrived</span>
            <span class="tabs">
              {Object.keys(MARKS).map((name) => (
                <button
                  key={name}
                  type="button"
                  aria-pressed={name === mark}
                  onClick={() => set({ mark: name === '24h' ? null : name })}
                >
                  {name}
                </button>
              ))}
            </span>
            <span class="dim">after the end of its day</span>
          </p>
          {axis !== null && <DayGrid days={answer.days} axis={axis} mark={mark} />}
          <Curves report={answer} />
          <Days days={answer.days} total={answer.days_total} />
        </>
      )}
    </Shown>
  );
}

const LEVELS: readonly (readonly [from: number, level: Level, text: string])[] = [
  [0.99, 0, '99 % or more'],
  [0.95, 1, '95 %'],
  [0.8, 2, '80 %'],
  [0.5, 3, '50 %'],
  [0, 4, 'less'],
];

function DayGrid({ days, axis, mark }: { days: readonly Day[]; axis: Axis; mark: Mark }) {
  const { link } = useAddress();
  const rows = new Map<string, GridRow & { stretches: GridRow['stretches'][number][] }>();
  for (const day of days) {
    const name = seriesName(day.series);
    const row = rows.get(name) ?? { name, stretches: [] };
    rows.set(name, row);
    const stretch = stretchOf({ day: day.day }, axis.timeZone);
    const share = day.arrived.find(({ after_ms }) => after_ms === MARKS[mark])?.share ?? null;
    row.stretches.push({
      ...stretch,
      level: share === null ? 'pending' : (LEVELS.find(([from]) => share >= from)?.[1] ?? 4),
      text: `${day.day}: ${day.events.toLocaleString('en-US')} events, ${share === null ? 'too early to say' : `${shareText(share)} by ${mark} after its end`}`,
      href: link('/events', { ...seriesFields(day.series), ...rangeFields(stretch) }),
    });
  }
  const legend = [...LEVELS.map(([, level, text]) => [level, text] as const), ['pending', 'too early'] as const];
  return (
    <Grid
      title={`Arrived by ${mark} after the day`}
      axis={{ ...axis, grain: 'day' }}
      rows={[...rows.values()]}
      legend={legend}
    />
  );
}

function Curves({ report: { curves } }: { report: Report }) {
  const { link } = useAddress();
  const marks = curves[0]?.median.map(({ after_ms }) => after_ms) ?? [];
  return (
    <Table
      title="Median share of a closed day by its age"
      rows={curves}
      keyOf={({ series }) => seriesName(series)}
      hrefOf={({ series }) => link('/completeness', seriesFields(series))}
      columns={[
        { name: 'Series', fixed: true, cell: ({ series }) => seriesName(series) },
        { name: 'Closed days', end: true, cell: ({ days }) => days },
        ...marks.map((afterMs, index) => ({
          name: afterMs === 0 ? 'At its end' : durationText(afterMs),
          end: true,
          wide: index > 0 && index < 4,
          cell: ({ median }: Report['curves'][number]) => {
            const share = median.find(({ after_ms }) => after_ms === afterMs)?.share;
            return share === undefined ? '–' : shareText(share);
          },
        })),
      ]}
    />
  );
}

function Days({ days, total }: { days: readonly Day[]; total: number }) {
  const { link, fields } = useAddress();
  const zone = fields.tz ?? 'UTC';
  const latest = [...days].sort((a, b) => (a.day < b.day ? 1 : a.day > b.day ? -1 : 0));
  return (
    <Table
      title={`${total.toLocaleString('en-US')} days of series, the latest first`}
      rows={latest}
      keyOf={({ series, day }) => `${seriesName(series)} ${day}`}
      hrefOf={({ series, day }) =>
        link('/events', { ...seriesFields(series), ...rangeFields(stretchOf({ day }, zone)) })
      }
      columns={[
        { name: 'Day', fixed: true, cell: ({ day }) => day },
        { name: 'Series', fixed: true, cell: ({ series }) => seriesName(series) },
        {
          name: 'State',
          cell: ({ state }) => <span class={`badge ${state === 'OPEN' ? 'warn' : ''}`}>{state.toLowerCase()}</span>,
        },
        { name: 'Events', end: true, cell: ({ events }) => events.toLocaleString('en-US') },
        { name: 'Expected', end: true, cell: ({ forecast }) => forecast?.events?.toLocaleString('en-US') ?? '–' },
        {
          name: '99 % after',
          end: true,
          wide: true,
          cell: ({ full_after_ms }) => (full_after_ms === null ? '–' : durationText(full_after_ms)),
        },
        {
          name: '99 % expected at',
          end: true,
          wide: true,
          cell: ({ forecast }) => (forecast?.full_at ? minuteText(forecast.full_at, zone) : '–'),
        },
      ]}
    />
  );
}
