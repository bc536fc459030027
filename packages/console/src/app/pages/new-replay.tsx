import { counted } from '@pik/schema/words';
import type { ReplayPlan } from '@pik/sdk/investigator';
import { useEffect, useState } from 'preact/hooks';

import { dayStartMs, timeText } from '../parts/axis.ts';
import { FieldsForm } from '../parts/fields-form.tsx';
import { Page } from '../parts/page.tsx';
import { replayBody } from '../parts/selection.ts';
import { Failed, Limits, Loading } from '../parts/states.tsx';
import { PlannedWindows } from '../parts/windows.tsx';
import { noun } from '../parts/words.ts';
import { useAddress } from '../state/address.ts';
import { type ApiError, errorOf } from '../state/api.ts';
import { investigator } from '../state/investigator.ts';

/** Fields of the selection, by the names that they have in the address. */
const FIELDS = [
  ['entity', 'Entity'],
  ['source', 'Source'],
  ['type', 'Event type'],
  ['start', 'From (event time)'],
  ['end', 'To (exclusive)'],
  ['metric', 'Only this metric'],
] as const;

/** Plans a replay from the selection in the address, and sends it once it has a reason. */
export default function NewReplay() {
  const { fields } = useAddress();
  const { event, entity, source, type, start, end, metric, as_of } = fields;
  const zone = fields.tz ?? 'UTC';
  const events = event?.split(',') ?? [];
  const isPlanned = event !== undefined || fields.plan === 'true';
  return (
    <Page title="Plan a replay" lead="You see the plan and give a reason before anything is sent.">
      {event === undefined ? (
        <FieldsForm fields={FIELDS} button="Plan" also={{ plan: 'true' }}>
          By entity, or by source or type with a range, such as from 2026-03-13 to 2026-03-14.
        </FieldsForm>
      ) : (
        <p class="panel">
          {counted(events.length, 'event')}:{' '}
          {events.slice(0, 3).map((id) => (
            <code key={id} class="any">
              {id}{' '}
            </code>
          ))}
          {events.length > 3 && 'and others'}
        </p>
      )}
      {isPlanned && (
        <Plan
          key={JSON.stringify(fields)}
          body={replayBody({
            event_ids: event === undefined ? null : events,
            metrics: metric === undefined ? null : [metric],
            ...(event === undefined
              ? {
                  entity_id: entity,
                  source,
                  event_type: type,
                  start_time: instant(start, zone),
                  end_time: instant(end, zone),
                }
              : {}),
            as_of,
          })}
        />
      )}
    </Page>
  );
}

/** A date becomes the instant at which it starts in the zone of the page; everything else stays as it is. */
function instant(time: string | undefined, zone: string): string | undefined {
  if (time === undefined || !/^\d{4}-\d\d-\d\d$/.test(time)) return time;
  return new Date(dayStartMs(time, zone)).toISOString();
}

type Body = ReturnType<typeof replayBody>;

function Plan({ body }: { body: Body }) {
  const [plan, setPlan] = useState<ReplayPlan | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const ended = new AbortController();
    setError(null);
    setPlan(null);
    investigator()
      .planReplay(body, { signal: ended.signal })
      .then(setPlan, (cause) => ended.signal.aborted || setError(errorOf(cause)));
    return () => ended.abort();
  }, [attempt]);
  if (error !== null) return <Failed error={error} retry={() => setAttempt(attempt + 1)} />;
  if (plan === null) return <Loading what="the plan" />;
  return <Planned plan={plan} replan={() => setAttempt(attempt + 1)} />;
}

function Planned({ plan, replan }: { plan: ReplayPlan; replan: () => void }) {
  const { fields } = useAddress();
  const changed = plan.windows.filter(({ changes }) => changes).length;
  return (
    <>
      <p class="account panel">
        <b>{plan.would_send.toLocaleString('en-US')}</b> <span>{noun(plan.would_send, 'event')} in</span>{' '}
        <b>{plan.messages.toLocaleString('en-US')}</b> <span>{noun(plan.messages, 'message')} would recompute</span>{' '}
        <b>{plan.windows.length.toLocaleString('en-US')}</b>{' '}
        <span>{noun(plan.windows.length, 'window')} and change</span>{' '}
        <b class={changed > 0 ? 'warn' : ''}>{changed.toLocaleString('en-US')}</b>
        <span>· as of {timeText(plan.as_of, fields.tz ?? 'UTC')}</span>
      </p>
      <Limits unsettled={plan.unsettled} notes={plan.notes} />
      <Apply plan={plan} replan={replan} />
      <PlannedWindows
        title={`${counted(plan.windows.length, 'window')}, those that change first`}
        windows={plan.windows}
      />
    </>
  );
}

function Apply({ plan, replan }: { plan: ReplayPlan; replan: () => void }) {
  const { go, link } = useAddress();
  const [reason, setReason] = useState('');
  const [error, setError] = useState<ApiError | null>(null);
  const [isSending, setSending] = useState(false);
  const apply = async (event: Event) => {
    event.preventDefault();
    setSending(true);
    const handle = plan.apply({ reason: reason.trim() });
    // The first part decides whether the plan still holds; the page of the replay follows the others.
    const first = Promise.race([handle.result(), recorded(() => handle.status())]);
    await first.then(
      () => go(link(`/replays/${handle.replay_id}`)),
      (cause) => setError(errorOf(cause)),
    );
    setSending(false);
  };
  if (plan.would_send === 0) return <p class="notice">The selection has no events, so there is nothing to send.</p>;
  if (error !== null)
    return <Failed error={error} retry={error.code === 'PLAN_STALE' ? replan : () => setError(null)} />;
  return (
    <form class="panel row" onSubmit={(event) => void apply(event)}>
      <label class="field grow">
        Reason, which is kept with the replay
        <input required value={reason} onInput={(event) => setReason(event.currentTarget.value)} maxLength={500} />
      </label>
      <button type="submit" class="primary" disabled={reason.trim() === '' || isSending}>
        {isSending ? 'Sending …' : 'Apply the plan'}
      </button>
    </form>
  );
}

const LOOK_MS = 300;

/** Resolves once a replay is recorded. */
async function recorded(look: () => Promise<unknown>): Promise<void> {
  for (;;) {
    await new Promise((done) => setTimeout(done, LOOK_MS));
    const isThere = await look().then(
      () => true,
      () => false,
    );
    if (isThere) return;
  }
}
