import { counted } from '@pik/schema/words';
import { useEffect, useState } from 'preact/hooks';

import { Page } from '../parts/page.tsx';
import { pinOf } from '../parts/pin-of.ts';
import { Failed, Loading, Shown } from '../parts/states.tsx';
import { seriesName } from '../parts/words.ts';
import { MEND_CHANGES, type MendChange, type MendRule } from '../rules/mend-rule.ts';
import { useAddress } from '../state/address.ts';
import { useAnswer } from '../state/answers.ts';
import { type ApiError, errorOf, type Values } from '../state/api.ts';
import { type Mending, mendAll } from '../state/mend.ts';
import { openCase, saveCase } from '../state/pins.ts';
import { scopeFields } from '../state/scope.ts';

const isChange = (text: string): text is MendChange => text in MEND_CHANGES;

/** Mends rejected receipts with one cause: a rule, its effect on every one of them, a reason, and only then the new receipts. */
export default function Mend() {
  const { fields } = useAddress();
  const { code, source, type, at, change = '', path, value } = fields;
  const { start_time, end_time, time_zone } = scopeFields(fields);
  const selection = { code, source, event_type: type, start_time, end_time, time_zone };
  const rule: MendRule | null = isChange(change) ? { change, path: path ?? '', value: value ?? '' } : null;
  return (
    <Page title="Mend" lead="You see the effect and give a reason before anything is sent.">
      <p class="panel">
        Rejected receipts with <span class="badge bad">{code}</span>
        {at !== undefined && (
          <>
            {' '}
            at <code>{at}</code>
          </>
        )}{' '}
        of {seriesName({ source, event_type: type })}. A key needs the scopes <code>investigate</code> and{' '}
        <code>ingest</code>.
      </p>
      <Rule at={at ?? '/event_time'} code={code} />
      {rule !== null && <Preview key={JSON.stringify(fields)} selection={selection} rule={rule} />}
    </Page>
  );
}

/** The rule, which the address has. */
function Rule({ at, code }: { at: string; code: string | undefined }) {
  const { fields, set } = useAddress();
  const isClock = code === 'TIME_WITHOUT_OFFSET';
  const given = fields.change ?? (isClock ? 'append' : 'set');
  const [change, setChange] = useState<string>(given);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string) => String(form.get(name) ?? '').trim();
    set({ change, path: change === 'none' ? null : text('path'), value: text('value') || null });
  };
  const takesValue = change === 'append' || change === 'set' || change === 'rename';
  return (
    <form class="panel row" onSubmit={submit}>
      <label class="field">
        Rule
        <select value={change} onChange={(event) => setChange(event.currentTarget.value)}>
          {Object.entries(MEND_CHANGES).map(([name, text]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </select>
      </label>
      {change !== 'none' && (
        <label class="field">
          Path
          <input name="path" required defaultValue={fields.path ?? at} spellcheck={false} autocomplete="off" />
        </label>
      )}
      {takesValue && (
        <label class="field">
          {change === 'rename' ? 'New name' : 'Value'}
          <input
            name="value"
            required
            defaultValue={fields.value ?? (isClock && change === 'append' ? 'Z' : '')}
            spellcheck={false}
            autocomplete="off"
          />
        </label>
      )}
      <button type="submit" class="primary">
        Try
      </button>
    </form>
  );
}

interface Trial {
  readonly selection: Values;
  readonly rule: MendRule;
}

/** Runs over all receipts of a selection, and how far it has come. */
function useMending({ selection, rule }: Trial, dryRun: boolean, isOn: boolean) {
  const [mending, setMending] = useState<Mending | null>(null);
  const [isDone, setDone] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (!isOn) return undefined;
    const ended = new AbortController();
    setError(null);
    mendAll(selection, rule, { dryRun, signal: ended.signal, onProgress: setMending }).then(
      () => setDone(true),
      (cause) => ended.signal.aborted || setError(errorOf(cause)),
    );
    return () => ended.abort();
  }, [attempt, isOn]);
  return { mending, isDone, error, retry: () => setAttempt(attempt + 1) };
}

function Preview(trial: Trial) {
  const tried = useMending(trial, true, true);
  const [reason, setReason] = useState<string | null>(null);
  const sent = useMending(trial, false, reason !== null);
  if (tried.error !== null) return <Failed error={tried.error} retry={tried.retry} />;
  if (tried.mending === null) return <Loading what="the effect of the rule" />;
  if (reason === null)
    return (
      <>
        <Totals mending={tried.mending} word="would be accepted" isDone={tried.isDone} />
        {tried.isDone && tried.mending.accepted > 0 && (
          <Apply trial={trial} count={tried.mending.accepted} apply={setReason} />
        )}
        <Examples mending={tried.mending} />
      </>
    );
  if (sent.error !== null) return <Failed error={sent.error} retry={sent.retry} />;
  if (sent.mending === null) return <Loading what="the mended receipts" />;
  return (
    <>
      <Totals mending={sent.mending} word="accepted" isDone={sent.isDone} />
      <Examples mending={sent.mending} />
    </>
  );
}

function Totals({ mending, word, isDone }: { mending: Mending; word: string; isDone: boolean }) {
  const { found, accepted, stored, left, reasons } = mending;
  return (
    <section class="panel">
      <p class="account" aria-live="polite">
        <b class={accepted === found ? 'ok' : ''}>
          {accepted.toLocaleString('en-US')} of {found.toLocaleString('en-US')}
        </b>{' '}
        <span>
          {word}
          {isDone ? '' : ' so far …'}
        </span>
        {stored > 0 && <span>· {stored.toLocaleString('en-US')} stored already</span>}
        {left > 0 && <span class="bad">· {left.toLocaleString('en-US')} left</span>}
      </p>
      {[...reasons].slice(0, 5).map(([why, count]) => (
        <p key={why} class="dim">
          {count.toLocaleString('en-US')}: {why}
        </p>
      ))}
    </section>
  );
}

/** Asks for the reason. It is pinned to the case together with the list of what is mended, since receipts keep none. */
function Apply({ trial, count, apply }: { trial: Trial; count: number; apply: (reason: string) => void }) {
  const [reason, setReason] = useState('');
  const values = { ...trial.selection, limit: 100 };
  const listed = useAnswer('rejects', values);
  const submit = (event: Event) => {
    event.preventDefault();
    const note = `Mended: ${reason.trim()}`;
    if (listed.data !== undefined)
      saveCase({ pins: [...openCase.value.pins, pinOf({ name: 'rejects', values, answer: listed.data }, note)] });
    apply(reason.trim());
  };
  return (
    <Shown of={listed} what="the receipts">
      {() => (
        <form class="panel row" onSubmit={submit}>
          <label class="field grow">
            Reason, which is kept in the case of this browser with the list of these receipts
            <input required value={reason} onInput={(event) => setReason(event.currentTarget.value)} maxLength={500} />
          </label>
          <button type="submit" class="primary" disabled={reason.trim() === ''}>
            Send {counted(count, 'mended receipt')}
          </button>
        </form>
      )}
    </Shown>
  );
}

function Examples({ mending: { examples } }: { mending: Mending }) {
  const { link } = useAddress();
  return (
    <>
      {examples.map(({ pack_id, line, before, after, event_id }) => (
        <section class="panel" key={`${pack_id}/${line}`}>
          <p>
            <a href={link(`/receipts/${pack_id}/${line}`)}>receipt</a>
            {event_id !== null && (
              <>
                {' → '}
                <a href={link(`/events/${event_id}`)}>event</a>
              </>
            )}
          </p>
          <Difference before={before} after={after} />
        </section>
      ))}
    </>
  );
}

/** Two texts, with what differs marked. */
function Difference({ before, after }: { before: string; after: string }) {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < shorter - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  const part = (text: string) => text.slice(start, text.length - end);
  return (
    <pre class="code">
      {before.slice(0, start)}
      {part(before) !== '' && <del>{part(before)}</del>}
      {part(after) !== '' && <ins>{part(after)}</ins>}
      {before.slice(before.length - end)}
    </pre>
  );
}
