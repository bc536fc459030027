import type { Drift, ShapePath, ShapeSeries } from '@pik/schema';
import { counted } from '@pik/schema/words';

import { minuteText } from '../parts/axis.ts';
import { Page } from '../parts/page.tsx';
import { Limits, Shown } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { seriesFields, seriesName, shareText, wordOf } from '../parts/words.ts';
import { useAddress } from '../state/address.ts';
import { useAnswer } from '../state/answers.ts';
import { scopeFields } from '../state/scope.ts';

/** What do payloads look like, and what has changed in them? */
export default function Schema() {
  const { fields } = useAddress();
  const { include_imported: _, ...range } = scopeFields(fields);
  const { since, cursor, source, type } = fields;
  const isOne = source !== undefined && type !== undefined;
  const answer = useAnswer('schema', {
    ...range,
    ...{ drift_from: since, cursor, limit: 50, json_schema: isOne ? true : undefined },
  });
  return (
    <Page title="Schema" lead="Paths, types and values of payloads as they were received.">
      <Since />
      <Shown of={answer} what="the payloads">
        {({ series, partial, notes, next_cursor }) => (
          <>
            <Limits partial={partial} notes={notes} />
            {series.length === 0 && <p class="notice">No event of this range.</p>}
            {series.map((one) => (
              <OfSeries key={seriesName(one)} series={one} isOne={isOne} />
            ))}
            {next_cursor !== null && <NextPage cursor={next_cursor} />}
          </>
        )}
      </Shown>
    </Page>
  );
}

/** The time that changes are counted from, which the address has. */
function Since() {
  const { fields, set } = useAddress();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    set({ since: String(form.get('since') ?? '').trim() || null });
  };
  return (
    <form class="panel row" onSubmit={submit} key={fields.since}>
      <label class="field">
        Changes since, such as 24h or 2026-03-11
        <input name="since" defaultValue={fields.since} spellcheck={false} autocomplete="off" />
      </label>
      <button type="submit">Show changes</button>
    </form>
  );
}

function NextPage({ cursor }: { cursor: string }) {
  const { set } = useAddress();
  return (
    <button type="button" class="more" onClick={() => set({ cursor })}>
      Further series
    </button>
  );
}

function OfSeries({ series, isOne }: { series: ShapeSeries; isOne: boolean }) {
  const { link, fields } = useAddress();
  const { events, deletions, paths, example, drift, json_schema } = series;
  const at = example.event_id === null ? `/receipts/${example.pack_id}/${example.line}` : `/events/${example.event_id}`;
  return (
    <>
      <h2 class="row series">
        <a href={link('/schema', { ...seriesFields(series), since: fields.since })}>{seriesName(series)}</a>
        <small>
          {counted(events, 'event')}
          {deletions > 0 && `, ${counted(deletions, 'deletion')}`}, <a href={link(at)}>the last one</a>
        </small>
      </h2>
      {drift.length > 0 && <Changes drift={drift} series={series} />}
      <Paths paths={paths} series={series} first={isOne ? 200 : 12} />
      {json_schema !== undefined && (
        <details class="panel">
          <summary>JSON Schema of these payloads</summary>
          <pre class="code">{JSON.stringify(json_schema, null, 2)}</pre>
        </details>
      )}
    </>
  );
}

function Changes({ drift, series }: { drift: readonly Drift[]; series: ShapeSeries }) {
  const { link } = useAddress();
  return (
    <Table<Drift>
      title={counted(drift.length, 'change')}
      rows={drift}
      keyOf={({ kind, path, type }) => `${kind} ${path} ${type}`}
      hrefOf={({ path }) => link('/events', { ...seriesFields(series), q: `has(${path})` })}
      columns={[
        { name: 'Path', cell: ({ path }) => <code class="any">{path}</code> },
        { name: 'Change', cell: ({ kind, type }) => <span class="badge warn">{wordOf(type ?? kind)}</span> },
        { name: 'Before', end: true, cell: ({ share_before }) => shareText(share_before) },
        { name: 'Since', end: true, cell: ({ share_since }) => shareText(share_since) },
        { name: 'p', end: true, wide: true, cell: ({ p }) => p.toExponential(1) },
      ]}
    />
  );
}

function Paths({ paths, series, first }: { paths: readonly ShapePath[]; series: ShapeSeries; first: number }) {
  const { link, fields } = useAddress();
  const zone = fields.tz ?? 'UTC';
  return (
    <Table<ShapePath>
      title={counted(paths.length, 'path')}
      rows={paths}
      first={first}
      keyOf={({ path }) => path}
      hrefOf={({ path }) => link('/events', { ...seriesFields(series), q: `has(${path})` })}
      columns={[
        { name: 'Path', cell: ({ path }) => <code class="any">{path}</code> },
        { name: 'Has it', end: true, cell: ({ share }) => shareText(share) },
        { name: 'Types', cell: ({ types }) => types.map(({ type }) => type).join(', ') },
        {
          name: 'Values',
          end: true,
          cell: ({ distinct, is_estimated }) => `${is_estimated ? 'about ' : ''}${distinct.toLocaleString('en-US')}`,
        },
        { name: 'From', wide: true, cell: (path) => <span class="any">{leastOf(path)}</span> },
        { name: 'To', wide: true, cell: (path) => <span class="any">{largestOf(path)}</span> },
        { name: 'First seen', fixed: true, wide: true, cell: ({ first_seen }) => minuteText(first_seen, zone) },
        { name: 'Last seen', fixed: true, wide: true, cell: ({ last_seen }) => minuteText(last_seen, zone) },
      ]}
    />
  );
}

const CHARS = 24;
const cut = (text: string) => (text.length > CHARS ? `${text.slice(0, CHARS)}…` : text);
const leastOf = ({ least, first_text }: ShapePath) => cut(least === null ? (first_text ?? '–') : String(least));
const largestOf = ({ largest, last_text }: ShapePath) => cut(largest === null ? (last_text ?? '–') : String(largest));
