import type { EventExplanation, EventView } from '@pik/schema';
import { counted, durationText } from '@pik/schema/words';
import type { ComponentChildren } from 'preact';
import { useRoute } from 'preact-iso/router';
import { timeText } from '../parts/axis.ts';
import { EvidenceLinks } from '../parts/evidence.tsx';
import { type Fact, FactList } from '../parts/facts.tsx';
import { Page } from '../parts/page.tsx';
import { Bytes } from '../parts/payload.tsx';
import { Limits, Shown } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { seriesFields, seriesName, shareText, shortValue, wordOf } from '../parts/words.ts';
import { useAddress } from '../state/address.ts';
import { useAnswer } from '../state/answers.ts';

/** What happened to one event? */
export default function Story() {
  const { id = '' } = useRoute().params;
  const { fields } = useAddress();
  const story = useAnswer('event', { event_id: id, as_of: fields.as_of, time_zone: fields.tz });
  return (
    <Page title="Event" lead={<code class="any">{id}</code>}>
      <Shown of={story} what="the story of the event">
        {(answer) => (
          <>
            <p class="panel">{answer.summary}</p>
            <Limits partial={answer.partial} notes={answer.notes} />
            {answer.event === null ? <Missing story={answer} /> : <Found story={answer} event={answer.event} />}
          </>
        )}
      </Shown>
    </Page>
  );
}

function Found({ story, event }: { story: EventExplanation; event: EventView }) {
  return (
    <>
      <div class="two">
        <section class="panel">
          <h2>What happened</h2>
          <Steps story={story} event={event} />
        </section>
        <section class="panel">
          <h2>Bytes</h2>
          {story.bytes === null ? (
            <p class="dim">They were not read.</p>
          ) : (
            <>
              <p>
                <span class={`badge ${story.bytes.state === 'OK' ? 'ok' : 'bad'}`}>
                  {story.bytes.state.toLowerCase()}
                </span>{' '}
                {story.bytes.text}
              </p>
              {story.bytes.body !== undefined && <Bytes text={story.bytes.body} />}
            </>
          )}
        </section>
      </div>
      <Facts event={event} />
      <Deliveries story={story} />
      <Versions story={story} />
    </>
  );
}

interface StepProps {
  readonly look?: 'bad' | 'warn' | 'idle';
  readonly title: string;
  readonly time?: string;
  readonly children?: ComponentChildren;
}

function Step({ look, title, time, children }: StepProps) {
  const { fields } = useAddress();
  return (
    <li class={look}>
      <b>{title}</b>
      {time !== undefined && <time>{timeText(time, fields.tz ?? 'UTC')}</time>}
      {children !== undefined && <div>{children}</div>}
    </li>
  );
}

/** The way of an event through the kit, in order. */
export function Steps({ story, event }: { story: EventExplanation; event: EventView }) {
  const { link } = useAddress();
  const { lateness, rule, deliveries, versions, replays, findings, outcome } = story;
  const late =
    lateness === null
      ? null
      : `later than ${shareText(lateness.later_than_share)} of ${lateness.of_events.toLocaleString('en-US')} events of its series that day`;
  return (
    <ol class="steps">
      <Step title="Happened" time={event.event_time}>
        {seriesName(event)} for <a href={link('/events', { entity: event.entity_id })}>{event.entity_id}</a>
      </Step>
      {event.sent_at !== null && <Step title="Sent" time={event.sent_at} />}
      <Step title="Received" time={event.received_at} {...(event.lag_ms < 0 ? { look: 'warn' as const } : {})}>
        {durationText(event.lag_ms)} after it happened{late === null ? '' : `, ${late}`}.{' '}
        <a href={link(`/receipts/${event.pack_id}/${event.line}`)}>receipt</a>
      </Step>
      <Step title={`Decided: ${wordOf(outcome ?? 'unknown')}`}>{rule}</Step>
      {findings.map(({ code, text }) => (
        <Step key={code + text} look="warn" title={wordOf(code)}>
          {text}
        </Step>
      ))}
      <Step
        title={deliveries.length === 0 ? 'Came once' : `Came ${deliveries.length + 1} times`}
        {...(deliveries.length === 0 ? { look: 'idle' as const } : {})}
      />
      {replays.map(({ replay_id, requested_at, reason, status, sent }) => (
        <Step key={replay_id} title={`Replayed (${status.toLowerCase()})`} time={requested_at}>
          <a href={link(`/replays/${replay_id}`)}>{reason ?? 'without a reason'}</a>
          {sent === 'MAYBE' && ', may not have reached this event yet'}
        </Step>
      ))}
      <Step
        title={versions.length === 0 ? 'In no stored value yet' : `In ${counted(versions.length, 'stored value')}`}
        {...(versions.length === 0 ? { look: 'idle' as const } : {})}
      >
        <a data-key="r" href={link('/replays/new', { event: event.event_id })}>
          Plan a replay of this event
        </a>
      </Step>
    </ol>
  );
}

function Facts({ event }: { event: EventView }) {
  const { link } = useAddress();
  const day = event.event_time.slice(0, 10);
  const next = new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);
  const facts: readonly Fact[] = [
    [
      'source, type',
      <a
        key="series"
        href={link('/events', { ...seriesFields(event), from: day, to: next })}
      >{`${seriesName(event)} on that day`}</a>,
    ],
    ['identity', event.idempotency_key === null ? event.identity : `${event.identity}: ${event.idempotency_key}`],
    ['producer', event.producer === null ? '–' : `${event.producer.id}, number ${event.producer.seq}`],
    ['flags', event.flags.length === 0 ? '–' : event.flags.join(' ').toLowerCase()],
    ['payload hash', <code key="hash">{event.payload_hash}</code>],
    ['stored in', <code key="raw">{`${event.raw_key}, line ${event.line}`}</code>],
  ];
  return (
    <section class="panel">
      <h2>Facts</h2>
      <FactList facts={facts} />
    </section>
  );
}

function Deliveries({ story: { deliveries, deliveries_cut } }: { story: EventExplanation }) {
  const { link, fields } = useAddress();
  if (deliveries.length === 0) return null;
  return (
    <Table
      title={`${counted(deliveries.length, 'further receipt')}${deliveries_cut ? ', and there may be more' : ''}`}
      rows={deliveries}
      keyOf={({ pack_id, line }) => `${pack_id}/${line}`}
      hrefOf={({ pack_id, line }) => link(`/receipts/${pack_id}/${line}`)}
      columns={[
        { name: 'Received', fixed: true, cell: ({ received_at }) => timeText(received_at, fields.tz ?? 'UTC') },
        {
          name: 'Outcome',
          cell: ({ outcome }) => <span class={`badge ${outcome === 'CONFLICT' ? 'bad' : ''}`}>{wordOf(outcome)}</span>,
        },
        { name: 'After the first', end: true, cell: ({ after_first_ms }) => durationText(after_first_ms) },
        { name: 'Payload hash', wide: true, cell: ({ payload_hash }) => <code>{payload_hash.slice(0, 16)}…</code> },
      ]}
    />
  );
}

function Versions({ story: { versions } }: { story: EventExplanation }) {
  const { fields, link } = useAddress();
  if (versions.length === 0) return null;
  return (
    <Table
      title="Values that it is an input of"
      rows={versions}
      keyOf={({ metric, key, window_start, version }) => `${metric} ${key} ${window_start} ${version}`}
      hrefOf={({ metric, key, window_start }) => link('/metrics/window', { metric, key, window: window_start })}
      columns={[
        { name: 'Metric', cell: ({ metric }) => metric },
        { name: 'Key', cell: ({ key }) => <span class="any">{key}</span> },
        { name: 'Window', fixed: true, cell: ({ window_start }) => timeText(window_start, fields.tz ?? 'UTC') },
        { name: 'Version', end: true, cell: ({ version }) => version },
        { name: 'Value', end: true, cell: ({ value }) => shortValue(value) },
        {
          name: 'Computed',
          fixed: true,
          wide: true,
          cell: ({ computed_at }) => timeText(computed_at, fields.tz ?? 'UTC'),
        },
      ]}
    />
  );
}

/** Why there is no such event: the findings in the order of the checks. */
function Missing({ story: { findings } }: { story: EventExplanation }) {
  return (
    <section class="panel">
      <h2>Why it is not here</h2>
      <ol class="steps">
        {findings.map(({ code, text, evidence = [] }) => (
          <Step key={code + text} look="warn" title={wordOf(code)}>
            {text} <EvidenceLinks evidence={evidence} changes={{ as_of: null }} />
          </Step>
        ))}
      </ol>
    </section>
  );
}
