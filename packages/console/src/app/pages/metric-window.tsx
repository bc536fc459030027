import type { AggregateVersion, ChangeExplanation, Computed } from '@pik/schema';
import { counted, durationText } from '@pik/schema/words';
import { useEffect, useState } from 'preact/hooks';

import { timeText } from '../parts/axis.ts';
import { Page } from '../parts/page.tsx';
import { Limits, Shown } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { Waterfall } from '../parts/waterfall.tsx';
import { seriesName, shortValue, wordOf } from '../parts/words.ts';
import { useAddress } from '../state/address.ts';
import { useAnswer } from '../state/answers.ts';

/** One window: its value through receive time, its versions, and why it changed. */
export default function MetricWindow() {
  const { fields, link } = useAddress();
  const { metric = '', key = '', window = '', as_of } = fields;
  const value = { metric, key, window_start: window };
  const now = useAnswer('compute', { ...value, as_of });
  const versions = useAnswer('versions', { ...value, limit: 200 });
  return (
    <Page
      title={metric}
      lead={
        <>
          of <a href={link('/metrics/value', { metric, key })}>{key}</a>, window{' '}
          {window.replace(/T00:00:00(\.0+)?Z$/, '')}
        </>
      }
    >
      <Shown of={now} what="the value">
        {(computed) => (
          <>
            <Limits unsettled={computed.unsettled} />
            <Shown of={versions} what="its versions">
              {({ versions: list }) => (
                <>
                  <Summary computed={computed} versions={list} />
                  <div class="two">
                    <div>
                      <KnownAt computed={computed} />
                      <Versions versions={list} />
                    </div>
                    <Change versions={list} />
                  </div>
                </>
              )}
            </Shown>
            <Inputs />
          </>
        )}
      </Shown>
    </Page>
  );
}

function Summary({ computed, versions }: { computed: Computed; versions: readonly AggregateVersion[] }) {
  const { link, fields } = useAddress();
  const latest = versions.at(-1);
  const { metric, window_start, window_end } = computed;
  const isStale = latest !== undefined && latest.inputs_hash !== computed.inputs_hash;
  const range = { start: window_start, end: window_end, metric, plan: 'true' };
  const owner = useOwner();
  const plan = link('/replays/new', { source: null, type: null, ...range, ...owner });
  return (
    <p class="account panel">
      <b>{shortValue(computed.value)}</b>
      <span>
        from {computed.input_count.toLocaleString('en-US')} inputs, as of {timeText(computed.as_of, fields.tz ?? 'UTC')}
        .
      </span>
      {latest === undefined ? (
        <span class="badge">no stored version</span>
      ) : isStale ? (
        <span class="badge warn">
          version {latest.version} has {shortValue(latest.value)}
        </span>
      ) : (
        <span class="badge ok">the same as version {latest.version}</span>
      )}
      <a data-key="r" href={plan}>
        Plan a replay of this window
      </a>
    </p>
  );
}

/** The filters that lead to the events behind a key; none if it stands for all events. */
function useOwner(): { readonly source?: string; readonly type?: string; readonly entity?: string } {
  const { fields } = useAddress();
  const { metric, key = '' } = fields;
  const list = useAnswer('metricList', {});
  const groupBy = list.data?.metrics.find((one) => one.metric === metric)?.group_by;
  if (groupBy === 'entity') return { entity: key };
  if (groupBy === 'source') return { source: key };
  if (groupBy !== 'source_type') return {};
  const [source = '', type = ''] = JSON.parse(key) as string[];
  return { source, type };
}

const STEPS = 100;
const DAY_MS = 86_400_000;
const PAUSE_MS = 120;

/** The value through receive time: a slider from the start of the window to now. */
function KnownAt({ computed }: { computed: Computed }) {
  const { fields, set } = useAddress();
  const zone = fields.tz ?? 'UTC';
  const startMs = Date.parse(computed.window_start);
  const endMs = Math.min(Date.parse(computed.as_of), Date.parse(computed.window_end) + 14 * DAY_MS);
  const at = fields.known_at === undefined ? endMs : Date.parse(fields.known_at);
  const [shown, setShown] = useState(at);
  useEffect(() => setShown(at), [at]);
  useEffect(() => {
    if (shown === at) return undefined;
    const timer = setTimeout(() => set({ known_at: new Date(shown).toISOString() }, { replace: true }), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [shown, at]);
  const { metric, key, window_start } = computed;
  const known = useAnswer('compute', { metric, key, window_start, as_of: new Date(at).toISOString() }, { keep: true });
  return (
    <section class="panel">
      <h2>Known at a receive time</h2>
      <input
        type="range"
        aria-label="As of this receive time"
        aria-valuetext={timeText(shown, zone)}
        min={0}
        max={STEPS}
        value={Math.round(((shown - startMs) / Math.max(1, endMs - startMs)) * STEPS)}
        onInput={(event) =>
          setShown(Math.round(startMs + (Number(event.currentTarget.value) / STEPS) * (endMs - startMs)))
        }
      />
      <p class="account">
        <b>{known.data === undefined ? '…' : shortValue(known.data.value)}</b>
        <span>
          from {known.data?.input_count.toLocaleString('en-US') ?? '…'} inputs, as of {timeText(shown, zone)}
        </span>
      </p>
      {known.error !== null && <p class="bad">{known.error.message}</p>}
    </section>
  );
}

/** Why it changed: between the versions or times of the address, by default the last two versions, or its end and now. */
function Change({ versions }: { versions: readonly AggregateVersion[] }) {
  const { fields } = useAddress();
  const { metric = '', key = '', window = '', a, b, known_at } = fields;
  const latest = versions.at(-1);
  const from = a ?? known_at ?? (versions.length > 1 ? undefined : latest?.version);
  const values = {
    metric,
    key,
    window_start: window,
    from,
    to: from === undefined ? undefined : (b ?? 'now'),
    limit: 20,
  };
  const answer = useAnswer('explainChange', versions.length > 1 || from !== undefined ? values : null, { keep: true });
  if (versions.length < 2 && from === undefined)
    return (
      <section class="panel">
        <h2>Why it changed</h2>
        <p class="dim">It has fewer than two versions. Move the slider to compare an earlier time with now.</p>
      </section>
    );
  return (
    <section class="panel">
      <h2>Why it changed</h2>
      <Shown of={answer} what="the change">
        {(change) => (
          <>
            <p>{change.sentence}</p>
            <Waterfall change={change} />
            {change.why_not_exact !== null && <p class="warn">{change.why_not_exact}</p>}
            <Late change={change} />
            <Behind change={change} />
          </>
        )}
      </Shown>
    </section>
  );
}

/** The way to what sets late inputs apart from the others. */
function Late({ change: { compare } }: { change: ChangeExplanation }) {
  const { link } = useAddress();
  if (compare === undefined) return null;
  const { where, a, end_time } = compare;
  const href = link('/compare', { a, where, from: 'all', to: end_time, source: null, type: null });
  return (
    <p>
      <a href={href}>Differences of the late inputs from the others</a>
    </p>
  );
}

/** The inputs with the largest parts. */
function Behind({ change: { events, events_total } }: { change: ChangeExplanation }) {
  const { link } = useAddress();
  if (events.length === 0) return null;
  return (
    <Table
      title={`${counted(events_total, 'input')} that only one side has`}
      rows={events}
      first={8}
      keyOf={({ event_id, side }) => `${event_id} ${side}`}
      hrefOf={({ event_id }) => link(`/events/${event_id}`)}
      columns={[
        { name: 'Entity', cell: ({ entity_id, event_id }) => <span class="any">{entity_id ?? event_id}</span> },
        { name: 'Class', cell: ({ class: name, side }) => `${wordOf(name)}${side === 'WENT' ? ', went' : ''}` },
        { name: 'Lag', end: true, cell: ({ lag_ms }) => durationText(lag_ms) },
        {
          name: 'Part',
          end: true,
          cell: ({ contribution }) => (contribution === null ? '–' : shortValue(contribution)),
        },
      ]}
    />
  );
}

function Versions({ versions }: { versions: readonly AggregateVersion[] }) {
  const { link, fields, set } = useAddress();
  const zone = fields.tz ?? 'UTC';
  if (versions.length === 0) return null;
  return (
    <Table<AggregateVersion>
      title={`${counted(versions.length, 'version')}, the latest first`}
      rows={[...versions].reverse()}
      keyOf={({ version }) => `${version}`}
      columns={[
        { name: 'Version', cell: ({ version }) => version },
        { name: 'Value', end: true, cell: ({ value }) => shortValue(value) },
        { name: 'Inputs', end: true, cell: ({ input_count }) => input_count.toLocaleString('en-US') },
        { name: 'As of', fixed: true, cell: ({ as_of }) => timeText(as_of, zone) },
        { name: 'By', cell: ({ trigger: { replay_id } }) => <a href={link(`/replays/${replay_id}`)}>replay</a> },
        {
          name: 'Compare',
          cell: ({ version }) => (
            <button type="button" onClick={() => set({ a: version, b: 'now' })}>
              {version} with now
            </button>
          ),
        },
      ]}
    />
  );
}

/** The way to the events of the window. */
function Inputs() {
  const { fields, link } = useAddress();
  const { window = '' } = fields;
  const owner = useOwner();
  const startMs = Date.parse(window);
  if (Number.isNaN(startMs)) return null;
  const to = new Date(startMs + DAY_MS).toISOString();
  const href = link('/events', { from: window, to, ...owner });
  return (
    <p>
      <a href={href}>
        Events of {seriesName({ source: owner.source ?? owner.entity, event_type: owner.type })} on that day
      </a>
    </p>
  );
}
