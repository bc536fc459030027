import type { ReportOf } from '@pik/schema';
import { counted } from '@pik/schema/words';
import { useState } from 'preact/hooks';

import { type Axis, minuteText } from '../parts/axis.ts';
import { Grid, type GridRow, type Stretch } from '../parts/grid.tsx';
import { Page, Scoped } from '../parts/page.tsx';
import { Limits, Shown } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { seriesFields, seriesName, shareText, wordOf } from '../parts/words.ts';
import { useAddress } from '../state/address.ts';
import { useAnswer } from '../state/answers.ts';
import { rangeFields, useArrivals } from '../state/arrivals.ts';
import { muteOf } from '../state/muted.ts';
import type { Scope } from '../state/scope.ts';
import { GapActions } from './gap-actions.tsx';

type Report = ReportOf<'gaps'>;
type Gap = Report['gaps'][number];
const GRAINS = ['minute', 'hour', 'day'] as const;

/** Which windows are missing, and why? */
export default function Gaps() {
  return (
    <Page title="Gaps" lead="Windows in which events are missing, judged by the series' own past.">
      <Scoped>{(scope) => <GapsOf scope={scope} />}</Scoped>
    </Page>
  );
}

function GapsOf({ scope }: { scope: Scope }) {
  const { fields, set } = useAddress();
  const grain = GRAINS.find((name) => name === fields.grain) ?? 'hour';
  const { axis } = useArrivals(scope);
  const report = useAnswer('gaps', { ...scope.range, grain, limit: 1000 });
  return (
    <>
      <p class="row bar-row">
        <span class="dim">Windows of one</span>
        <span class="tabs">
          {GRAINS.map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={name === grain}
              onClick={() => set({ grain: name === 'hour' ? null : name })}
            >
              {name}
            </button>
          ))}
        </span>
      </p>
      <Shown of={report} what="the gaps of every series">
        {(answer) => (
          <>
            <Limits partial={answer.partial} notes={answer.notes} covered={answer.covered} />
            <GapsShown report={answer} axis={axis} />
            <SeriesTable report={answer} />
          </>
        )}
      </Shown>
    </>
  );
}

const nameOf = ({ series, start_time }: Gap) => `${seriesName(series)} ${start_time}`;

/** Picture and list of the gaps, with a selection that both share. */
function GapsShown({ report, axis }: { report: Report; axis: Axis | null }) {
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const toggle = (key: string) => {
    const next = new Set(selected);
    if (!next.delete(key)) next.add(key);
    setSelected(next);
  };
  const shared = { report, selected, toggle };
  return (
    <>
      {axis !== null && <GapGrid axis={axis} {...shared} />}
      <GapActions gaps={report.gaps.filter((gap) => selected.has(nameOf(gap)))} done={() => setSelected(new Set())} />
      <GapTable {...shared} />
    </>
  );
}

interface GapProps {
  readonly report: Report;
  readonly selected: ReadonlySet<string>;
  toggle(key: string): void;
}

function GapGrid({ report: { series, gaps }, axis, selected, toggle }: GapProps & { axis: Axis }) {
  const { link } = useAddress();
  const rows: GridRow[] = series.map(({ series: names, first_time, last_time, silence, text }) => {
    const own = gaps.filter((gap) => seriesName(gap.series) === seriesName(names));
    const life: Stretch = { startMs: Date.parse(first_time), endMs: Date.parse(last_time), level: 'life', text };
    const silent: Stretch[] =
      silence === null
        ? []
        : [{ startMs: Date.parse(silence.since), endMs: axis.endMs, level: 'silent', text: silence.text }];
    return { name: seriesName(names), stretches: [life, ...silent, ...own.map((gap) => stretch(gap, link))] };
  });
  const legend = [
    ['life', 'events'] as const,
    ['bad', 'missing'] as const,
    ['warn', 'partial'] as const,
    ['pending', 'pending or silent'] as const,
  ];
  return (
    <Grid
      title="Gaps on the time of their events"
      axis={axis}
      rows={rows}
      legend={legend}
      selected={selected}
      onSelect={toggle}
    />
  );
}

function stretch(gap: Gap, link: ReturnType<typeof useAddress>['link']): Stretch {
  const { state, start_time, end_time, cause, text, series } = gap;
  const when = { startMs: Date.parse(start_time), endMs: Date.parse(end_time) };
  return {
    ...when,
    key: nameOf(gap),
    level:
      muteOf(gap) !== undefined ? 'silent' : state === 'MISSING' ? 'bad' : state === 'PARTIAL' ? 'warn' : 'pending',
    text: `${wordOf(state)}${cause === null ? '' : `, ${wordOf(cause)}`}: ${text}`,
    href: link('/gaps', { ...seriesFields(series), ...rangeFields(around(when)) }),
  };
}

/** The hours around a gap. */
function around({ startMs, endMs }: { startMs: number; endMs: number }) {
  const margin = Math.max(6 * 3_600_000, endMs - startMs);
  return { startMs: startMs - margin, endMs: endMs + margin };
}

function GapTable({ report: { gaps, gaps_total, grain }, selected, toggle }: GapProps) {
  const { fields, link } = useAddress();
  const zone = fields.tz ?? 'UTC';
  if (gaps.length === 0)
    return (
      <section class="notice">
        <h2>No window is missing</h2>
        <p>The table below says how each series was judged, and which gaps could not be seen.</p>
      </section>
    );
  return (
    <Table
      title={`${counted(gaps_total, 'gap')}, those without any events first`}
      rows={gaps.filter((gap) => muteOf(gap) === undefined).sort((a, b) => rank(a) - rank(b))}
      keyOf={nameOf}
      hrefOf={(gap) => stretch(gap, link).href ?? null}
      columns={[
        { name: 'Series', fixed: true, cell: ({ series }) => seriesName(series) },
        {
          name: 'Select',
          cell: (gap) => (
            <input
              type="checkbox"
              aria-label={`Select the gap of ${nameOf(gap)}`}
              checked={selected.has(nameOf(gap))}
              onChange={() => toggle(nameOf(gap))}
            />
          ),
        },
        { name: 'From', fixed: true, cell: ({ start_time }) => minuteText(start_time, zone) },
        { name: `${grain}s`, end: true, cell: ({ windows }) => windows.toLocaleString('en-US') },
        {
          name: 'Events',
          end: true,
          wide: true,
          cell: ({ count, expected }) => `${count}${expected === null ? '' : ` of ${Math.round(expected)}`}`,
        },
        {
          name: 'State',
          cell: ({ state, kind }) => (
            <span class={`badge ${state === 'MISSING' ? 'bad' : 'warn'}`}>{wordOf(kind ?? state)}</span>
          ),
        },
        { name: 'Cause', text: true, cell: (gap) => <Cause gap={gap} /> },
        { name: 'Evidence', fixed: true, cell: (gap) => <Neighbours gap={gap} /> },
      ]}
    />
  );
}

/** Missing windows first. */
const rank = ({ state }: Gap) => ['MISSING', 'PARTIAL', 'PENDING'].indexOf(state);

function Cause({ gap: { cause, findings, text } }: { gap: Gap }) {
  return (
    <>
      {cause === null ? '–' : wordOf(cause)}
      {findings.slice(0, 2).map(({ code, text: why, explains }) => (
        <small key={code + why}>
          {explains === undefined ? '' : `${shareText(explains.share)}: `}
          {why}
        </small>
      ))}
      {findings.length === 0 && <small>{text}</small>}
    </>
  );
}

/** The last event before the gap and the first one after it. */
function Neighbours({ gap: { last_good, first_good, series, start_time, end_time, cause } }: { gap: Gap }) {
  const { link } = useAddress();
  const range = rangeFields({ startMs: Date.parse(start_time), endMs: Date.parse(end_time) });
  const receipts =
    cause === 'REJECTED' ? link('/failures', { ...seriesFields(series), from: range.from, to: null }) : null;
  return (
    <>
      {last_good?.event_id && <a href={link(`/events/${last_good.event_id}`)}>last before</a>}
      {last_good?.event_id && first_good?.event_id && ' · '}
      {first_good?.event_id && <a href={link(`/events/${first_good.event_id}`)}>first after</a>}
      {receipts !== null && (
        <>
          {' · '}
          <a href={receipts}>rejected</a>
        </>
      )}
    </>
  );
}

function SeriesTable({ report: { series } }: { report: Report }) {
  const { link, fields } = useAddress();
  const zone = fields.tz ?? 'UTC';
  return (
    <Table
      title="How each series was judged"
      rows={series}
      keyOf={({ series: names }) => seriesName(names)}
      hrefOf={({ series: names }) => link('/gaps', seriesFields(names))}
      columns={[
        { name: 'Series', fixed: true, cell: ({ series: names }) => seriesName(names) },
        {
          name: 'Model',
          cell: ({ model }) => (
            <span class={`badge ${model === 'CANNOT_BE_JUDGED' ? 'warn' : ''}`}>{wordOf(model)}</span>
          ),
        },
        { name: 'Last event', fixed: true, cell: ({ last_time }) => minuteText(last_time, zone) },
        {
          name: 'Expected',
          wide: true,
          cell: ({ text, silence }) => (
            <>
              {text}
              {silence !== null && <small>{silence.text}</small>}
            </>
          ),
        },
      ]}
    />
  );
}
