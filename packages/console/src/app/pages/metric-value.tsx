import type { AggregateVersion } from '@pik/schema';
import { counted } from '@pik/schema/words';

import { minuteText } from '../parts/axis.ts';
import { Page } from '../parts/page.tsx';
import { Limits, Shown } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { shortValue } from '../parts/words.ts';
import { useAddress } from '../state/address.ts';
import { useAnswer } from '../state/answers.ts';

/** The windows of a metric and key that have versions. */
export default function MetricValue() {
  const { fields } = useAddress();
  const { metric = '', key, cursor } = fields;
  const page = useAnswer('versions', key === undefined ? null : { metric, key, limit: 1000, cursor });
  return (
    <Page title={metric} lead={key === undefined ? 'Choose the key of a value.' : `of ${key}`}>
      <Open />
      {key !== undefined && (
        <Shown of={page} what="versions">
          {({ versions, partial, notes, next_cursor }) => (
            <>
              <Limits partial={partial} notes={notes} />
              <Windows versions={versions} next={next_cursor} />
            </>
          )}
        </Shown>
      )}
    </Page>
  );
}

/** Opens another key, or one window of it. */
function Open() {
  const { fields, link, go } = useAddress();
  const { metric = '', key = '' } = fields;
  const series = useAnswer('lag', { limit: 200, worst: 1, by: 'source', include_imported: true });
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const [named, window] = ['key', 'window'].map((name) => String(form.get(name) ?? '').trim());
    if (window) go(link('/metrics/window', { metric, key: named, window }));
    else go(link('/metrics/value', { metric, key: named }));
  };
  return (
    <form class="panel row" onSubmit={submit} key={key}>
      <label class="field">
        Key: entity, source, or all
        <input name="key" required defaultValue={key} list="keys" spellcheck={false} autocomplete="off" />
      </label>
      <datalist id="keys">
        <option value="all" />
        {series.data?.groups.map(({ group: { source } }) => (
          <option key={source} value={source} />
        ))}
      </datalist>
      <label class="field">
        Window, such as 2026-03-13
        <input name="window" spellcheck={false} autocomplete="off" />
      </label>
      <button type="submit">Open</button>
    </form>
  );
}

function Windows({ versions, next }: { versions: readonly AggregateVersion[]; next: string | null }) {
  const { link, fields, set } = useAddress();
  const zone = fields.tz ?? 'UTC';
  const latest = new Map(versions.map((version) => [version.window_start, version]));
  if (latest.size === 0)
    return (
      <section class="notice">
        <h2>No versions</h2>
        <p>Nothing was stored for this key yet. Open one of its windows to compute its value now, or plan a replay.</p>
      </section>
    );
  return (
    <Table<AggregateVersion>
      title={`${counted(latest.size, 'window')} with versions`}
      rows={[...latest.values()].reverse()}
      keyOf={({ window_start }) => window_start}
      hrefOf={({ metric, key, window_start }) => link('/metrics/window', { metric, key, window: window_start })}
      columns={[
        { name: 'Window', fixed: true, cell: ({ window_start }) => minuteText(window_start, zone) },
        { name: 'Value', end: true, cell: ({ value }) => shortValue(value) },
        { name: 'Versions', end: true, cell: ({ version }) => version },
        { name: 'Inputs', end: true, cell: ({ input_count }) => input_count.toLocaleString('en-US') },
        { name: 'As of', fixed: true, wide: true, cell: ({ as_of }) => minuteText(as_of, zone) },
      ]}
      more={
        next !== null && (
          <button type="button" class="more" onClick={() => set({ cursor: next })}>
            Later windows
          </button>
        )
      }
    />
  );
}
