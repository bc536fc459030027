import type { FailureGroup, ReportOf } from '@pik/schema';
import { counted } from '@pik/schema/words';

import { type Axis, minuteText } from '../parts/axis.ts';
import { Grid, type GridRow, type Level } from '../parts/grid.tsx';
import { Page, Scoped } from '../parts/page.tsx';
import { Limits, Shown } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { seriesFields, seriesName, shareText } from '../parts/words.ts';
import { useAddress } from '../state/address.ts';
import { useAnswer } from '../state/answers.ts';
import { bySeries, rangeFields, stretchOf, useArrivals } from '../state/arrivals.ts';
import { failureRange, type Scope } from '../state/scope.ts';

type Report = ReportOf<'failures'>;

/** Which source or type fails most? */
export default function Failures() {
  return (
    <Page title="Failures" lead="Rejected receipts, conflicts and windows that could not be computed, by receive time.">
      <Scoped>{(scope) => <FailuresOf scope={scope} />}</Scoped>
    </Page>
  );
}

function FailuresOf({ scope }: { scope: Scope }) {
  const { axis } = useArrivals(scope);
  const range = failureRange(scope.range);
  const report = useAnswer('failures', { ...range, limit: 500 });
  const cells = useAnswer(
    'failures',
    axis === null ? null : { ...range, limit: 10_000, by: `source,event_type,${axis.grain}` },
  );
  return (
    <Shown of={report} what="the failures of every series">
      {(answer) => (
        <>
          <Limits partial={answer.partial} notes={answer.notes} covered={answer.covered} />
          <p class="account panel">
            <b>{answer.failures.toLocaleString('en-US')}</b> <span>failures among</span>{' '}
            <b>{answer.receipts.toLocaleString('en-US')}</b> <span>receipts in the range</span>
          </p>
          {axis !== null && cells.data !== undefined && cells.data.groups.length > 0 && (
            <FailureGrid report={cells.data} axis={axis} />
          )}
          <Groups report={answer} />
          <Warnings report={answer} />
        </>
      )}
    </Shown>
  );
}

const STEPS: readonly (readonly [below: number, level: Level, text: string])[] = [
  [2, 0, '1'],
  [10, 1, 'below 10'],
  [100, 2, '100'],
  [1000, 3, '1,000'],
  [Number.POSITIVE_INFINITY, 4, 'more'],
];

function FailureGrid({ report: { groups }, axis: shared }: { report: Report; axis: Axis }) {
  const { link } = useAddress();
  const stretches = groups.map(({ group }) => stretchOf(group, shared.timeZone));
  // Failures lie at their receive times, which may be far from the times of the events.
  const axis = {
    ...shared,
    startMs: stretches.reduce((least, { startMs }) => Math.min(least, startMs), shared.startMs),
    endMs: stretches.reduce((most, { endMs }) => Math.max(most, endMs), shared.endMs),
  };
  const rows: GridRow[] = [...bySeries(groups).values()].map((list) => {
    const series = list[0]?.group ?? {};
    const counts = new Map<string, { count: number; codes: Set<string>; group: FailureGroup['group'] }>();
    for (const { group, count, code } of list) {
      const key = group.hour ?? group.day ?? '';
      const sum = counts.get(key) ?? { count: 0, codes: new Set<string>(), group };
      sum.count += count;
      sum.codes.add(code);
      counts.set(key, sum);
    }
    const cells = [...counts.values()].map(({ count, codes, group }) => {
      const when = stretchOf(group, axis.timeZone);
      return {
        ...when,
        level: STEPS.find(([below]) => count < below)?.[1] ?? 4,
        text: `${count} failures: ${[...codes].join(', ')}`,
        href: link('/failures', { ...seriesFields(series), ...rangeFields(when) }),
      };
    });
    return { name: seriesName(series), stretches: cells.sort((a, b) => a.startMs - b.startMs) };
  });
  return (
    <Grid
      title={`Failures per ${axis.grain} of receive time`}
      axis={axis}
      rows={rows}
      legend={STEPS.map(([, level, text]) => [level, text])}
    />
  );
}

function Groups({ report: { groups, groups_total } }: { report: Report }) {
  const { fields } = useAddress();
  const zone = fields.tz ?? 'UTC';
  if (groups.length === 0)
    return (
      <section class="notice">
        <h2>Nothing failed</h2>
        <p>Every receipt of the range was accepted or repeats an event.</p>
      </section>
    );
  return (
    <Table
      title={`${counted(groups_total, 'kind')} of failure, by the lower bound of their rate`}
      rows={groups}
      keyOf={({ fingerprint, group }) => `${fingerprint} ${seriesName(group)}`}
      columns={[
        { name: 'Failure', text: true, cell: (group) => <Name group={group} /> },
        { name: 'Series', fixed: true, cell: ({ group }) => seriesName(group) },
        { name: 'Count', end: true, cell: ({ count }) => count.toLocaleString('en-US') },
        { name: 'Share', end: true, cell: ({ share }) => shareText(share) },
        { name: 'First seen', fixed: true, wide: true, cell: ({ first_seen }) => minuteText(first_seen, zone) },
        { name: 'Last seen', fixed: true, cell: ({ last_seen }) => minuteText(last_seen, zone) },
        { name: 'Samples', cell: (group) => <Samples group={group} /> },
      ]}
    />
  );
}

function Name({ group: { code, path, detail, is_new, windows } }: { group: FailureGroup }) {
  return (
    <>
      <span class="badge bad">{code}</span> {path !== null && <code>{path}</code>}{' '}
      {is_new === true && <span class="badge warn">new</span>}
      {detail !== null && <small>{detail}</small>}
      {windows.slice(0, 3).map(({ metric, key, window_start }) => (
        <small key={`${metric} ${key} ${window_start}`}>
          {metric} of {key}, {window_start}
        </small>
      ))}
    </>
  );
}

/** Receipts to look at, and the way to mend rejected ones. */
function Samples({ group: { samples, kind, code, path, group } }: { group: FailureGroup }) {
  const { link, fields } = useAddress();
  const range = { from: fields.from, to: fields.to };
  const mend = link('/failures/mend', { ...seriesFields(group), ...range, code, at: path });
  return (
    <>
      {samples.slice(0, 3).map(({ pack_id, line, event_id }, index) => (
        <span key={`${pack_id}/${line}`}>
          {index > 0 && ' · '}
          <a href={link(event_id === null ? `/receipts/${pack_id}/${line}` : `/events/${event_id}`)}>
            {event_id === null ? `bytes ${index + 1}` : `event ${index + 1}`}
          </a>
        </span>
      ))}
      {kind === 'REJECT' && (
        <>
          {' · '}
          <a href={mend}>mend</a>
        </>
      )}
    </>
  );
}

function Warnings({ report: { warnings } }: { report: Report }) {
  const { link } = useAddress();
  if (warnings.length === 0) return null;
  return (
    <Table
      title="Warnings: accepted receipts that deserve a look"
      rows={warnings}
      keyOf={({ code, path, source, event_type }) => `${code} ${path} ${source} ${event_type}`}
      hrefOf={({ sample }) => link(`/receipts/${sample.pack_id}/${sample.line}`)}
      columns={[
        { name: 'Warning', cell: ({ code, path }) => `${code} ${path ?? ''}` },
        {
          name: 'Series',
          fixed: true,
          cell: ({ source, event_type }) =>
            seriesName({ source: source ?? undefined, event_type: event_type ?? undefined }),
        },
        { name: 'Receipts', end: true, cell: ({ receipts }) => receipts.toLocaleString('en-US') },
        { name: 'Detail', wide: true, cell: ({ detail }) => detail ?? '' },
      ]}
    />
  );
}
