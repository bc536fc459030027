import type { ReportOf } from '@pik/schema';
import { counted } from '@pik/schema/words';
import { useState } from 'preact/hooks';

import { minuteText } from '../parts/axis.ts';
import { EvidenceLinks } from '../parts/evidence.tsx';
import { seriesFields, seriesName, wordOf } from '../parts/words.ts';
import { useAddress } from '../state/address.ts';
import { mute, muted, unmute } from '../state/muted.ts';

type Gap = ReportOf<'gaps'>['gaps'][number];

/** Actions on the selected gaps: plan a replay of their windows, explain them, or mute them. */
export function GapActions({ gaps, done }: { readonly gaps: readonly Gap[]; readonly done: () => void }) {
  const [shows, setShows] = useState<'nothing' | 'why' | 'mute'>('nothing');
  if (gaps.length === 0) return <Muted />;
  return (
    <section class="panel">
      <p class="row">
        <b>{counted(gaps.length, 'gap')} selected</b>
        <Plans gaps={gaps} />
        <button type="button" data-key="e" onClick={() => setShows(shows === 'why' ? 'nothing' : 'why')}>
          Explain
        </button>
        <button type="button" onClick={() => setShows(shows === 'mute' ? 'nothing' : 'mute')}>
          Will never come
        </button>
        <button type="button" onClick={done}>
          Select none
        </button>
      </p>
      {shows === 'why' && gaps.map((gap) => <Why key={`${seriesName(gap.series)} ${gap.start_time}`} gap={gap} />)}
      {shows === 'mute' && <MuteForm gaps={gaps} done={done} />}
    </section>
  );
}

/** A plan for each series, since a replay selects one. */
function Plans({ gaps }: { gaps: readonly Gap[] }) {
  const { link } = useAddress();
  const bySeries = new Map<string, Gap[]>();
  for (const gap of gaps) bySeries.set(seriesName(gap.series), [...(bySeries.get(seriesName(gap.series)) ?? []), gap]);
  return (
    <>
      {[...bySeries].map(([name, [first, ...others]]) => {
        if (first === undefined) return null;
        const all = [first, ...others];
        const start = all.reduce(
          (least, { start_time }) => (start_time < least ? start_time : least),
          first.start_time,
        );
        const end = all.reduce((most, { end_time }) => (end_time > most ? end_time : most), first.end_time);
        const short = (time: string) => time.replace(/\.0+Z$/, 'Z');
        const href = link('/replays/new', {
          source: null,
          type: null,
          ...seriesFields(first.series),
          start: short(start),
          end: short(end),
          plan: 'true',
        });
        return (
          <a key={name} class="button" data-key="r" href={href}>
            Plan a replay{bySeries.size === 1 ? '' : ` of ${name}`}
          </a>
        );
      })}
    </>
  );
}

/** All findings about a gap, with their evidence. */
function Why({ gap: { series, start_time, end_time, findings, text } }: { gap: Gap }) {
  const { fields } = useAddress();
  const zone = fields.tz ?? 'UTC';
  return (
    <>
      <h2>
        {seriesName(series)}, {minuteText(start_time, zone)} to {minuteText(end_time, zone)}
      </h2>
      <p>{text}</p>
      <ul>
        {findings.map(({ code, text: why, evidence = [] }) => (
          <li key={code + why}>
            <b>{wordOf(code)}</b> {why} <EvidenceLinks evidence={evidence} />
          </li>
        ))}
      </ul>
    </>
  );
}

function MuteForm({ gaps, done }: { gaps: readonly Gap[]; done: () => void }) {
  const [reason, setReason] = useState('');
  const submit = (event: Event) => {
    event.preventDefault();
    mute(gaps, reason.trim());
    done();
  };
  return (
    <form class="row" onSubmit={submit}>
      <label class="field grow">
        Why these events will never come; kept in this browser, which then leaves the gaps out
        <input required value={reason} onInput={(event) => setReason(event.currentTarget.value)} maxLength={500} />
      </label>
      <button type="submit" class="primary" disabled={reason.trim() === ''}>
        Mute
      </button>
    </form>
  );
}

/** The gaps that this browser leaves out. */
function Muted() {
  const { fields } = useAddress();
  const zone = fields.tz ?? 'UTC';
  if (muted.value.length === 0) return null;
  return (
    <details class="panel">
      <summary>{counted(muted.value.length, 'gap')} muted in this browser</summary>
      <ul>
        {muted.value.map((one) => (
          <li key={`${one.source} ${one.event_type} ${one.start_time}`}>
            {seriesName({ source: one.source ?? undefined, event_type: one.event_type ?? undefined })},{' '}
            {minuteText(one.start_time, zone)} to {minuteText(one.end_time, zone)}: {one.reason}{' '}
            <button type="button" onClick={() => unmute(one)}>
              Show again
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}
