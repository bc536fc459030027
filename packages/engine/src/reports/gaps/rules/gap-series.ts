import { counted, durationText, formatEpochMs, type GapsReport } from '@pik/schema';

import { DELIVERING_MIN, WINDOWS_MIN } from './cadence/cadence.ts';
import { GRAIN_MS } from './calendar.ts';
import type { GapQuestion, GoodWindow, ModelledSeries } from './gap-question.ts';
import { dueWindows, expectsText, percentText } from './gap-texts.ts';
import { HISTORY_MS, type SeriesFindings } from './gaps.ts';
import type { JudgedLife, LifeWindows } from './judged-life.ts';
import { placeOf } from './later.ts';
import { isOutlier, type Life } from './lives.ts';
import { createRuler } from './ruler.ts';

type View = GapsReport['series'][number];
type Reason = NonNullable<View['reason']>;

/** An outlying life, and the window of its first event. */
export interface ApartLife {
  readonly view: Omit<View['apart'][number], 'examples'>;
  readonly window: GoodWindow;
}

/** A series as the report lists it; examples of outlying events are still missing. */
export interface SeriesView {
  readonly view: Omit<View, 'apart'>;
  readonly apart: readonly ApartLife[];
}

/** A series as the report lists it. */
export function seriesView(findings: SeriesFindings, question: GapQuestion): SeriesView {
  const { series } = findings;
  const judged = mainJudged(findings);
  const reason = reasonOf(findings, judged, question);
  const asked = askedWindows(series, question);
  return {
    view: {
      series: series.cells.series,
      ...modelOf(judged, { reason, question }),
      windows: asked.windows,
      empty: asked.windows - asked.full,
      first_time: formatEpochMs(series.cells.firstMs),
      last_time: formatEpochMs(series.cells.lastMs),
      usual_lag_ms: series.usualLagMs,
      silence: silenceOf(findings, question),
    },
    apart: apartOf(series, question),
  };
}

function mainJudged({ judged }: SeriesFindings): JudgedLife | null {
  return judged.reduce<JudgedLife | null>(
    (main, life) => (life.life.cells.length >= (main?.life.cells.length ?? 0) ? life : main),
    null,
  );
}

function reasonOf(findings: SeriesFindings, judged: JudgedLife | null, { declaredMs }: GapQuestion): Reason | null {
  if (declaredMs !== null) return null;
  const { numbered } = findings.series;
  if (judged === null) {
    const isBroken = numbered.length > 1 || numbered.every(({ range: [from, to] }) => from >= to);
    return isBroken && numbered.some(isEnough) ? 'LIFE_BROKEN' : 'TOO_LITTLE_HISTORY';
  }
  if (findings.judged.every(({ range, young }) => young <= range[0])) return 'STILL_ARRIVING';
  const { verdict, ticks, blind, range } = judged;
  const isChance = verdict.due === null && ticks === null;
  const isSilent = findings.gaps.length > 0 || findings.judged.some(({ verdict: { openIsOutage } }) => openIsOutage);
  return isChance && !isSilent && blind > range[1] - range[0] ? 'TOO_IRREGULAR' : null;
}

/** A life that could be judged, had it windows in the range, or were it longer than the silences around it. */
const isEnough = ({ at, windows }: LifeWindows) => at.length >= DELIVERING_MIN && windows >= WINDOWS_MIN;

function modelOf(
  judged: JudgedLife | null,
  { reason, question }: { reason: Reason | null; question: GapQuestion },
): Pick<View, 'model' | 'reason' | 'text' | 'expects' | 'blind_ms' | 'skipped'> {
  const { calendar, declaredMs } = question;
  if (declaredMs !== null) {
    const text = `declared by the caller: one every ${durationText(declaredMs)}`;
    return { model: 'DECLARED', reason: null, text, expects: null, blind_ms: null, skipped: null };
  }
  const length = GRAIN_MS[calendar.grain];
  const blind_ms = judged !== null && Number.isFinite(judged.blind) ? judged.blind * length : null;
  const expects = judged === null ? null : expectsText(judged, calendar.grain);
  const skipped = judged === null ? null : skippedOf(judged);
  if (reason !== null || judged === null) {
    const text = REASONS[reason ?? 'TOO_LITTLE_HISTORY'](durationText(HISTORY_MS[calendar.grain]));
    return { model: 'CANNOT_BE_JUDGED', reason: reason ?? 'TOO_LITTLE_HISTORY', text, expects, blind_ms, skipped };
  }
  const blind =
    blind_ms === null
      ? 'none of its silences can be distinguished from chance'
      : `silences shorter than ${durationText(blind_ms)} cannot be distinguished from chance`;
  const model = judged.ticks !== null ? 'INTERVAL' : judged.verdict.due !== null ? 'CLOCK' : 'CHANCE';
  const text =
    judged.verdict.due === null
      ? `${expects}: ${blind}`
      : `${expects}: every due time without a delivery is listed; ${outageFrom(blind_ms)}${skipsText(skipped)}`;
  return { model, reason: null, text, expects, blind_ms, skipped };
}

const outageFrom = (blindMs: number | null) =>
  blindMs === null
    ? 'none of its silences is longer than chance skips explain'
    : `a silence from ${durationText(blindMs)} on is longer than chance skips explain`;

const skipsText = (skipped: View['skipped']) =>
  skipped === null || skipped.empty === 0
    ? ''
    : `. ${skipped.empty.toLocaleString('en-US')} of ${counted(skipped.due, 'due time')} without a delivery, outages left out (it delivers ${percentText(1 - skipped.empty / skipped.due)} of the times)`;

const REASONS: Readonly<Record<Reason, (history: string) => string>> = {
  TOO_LITTLE_HISTORY: () =>
    'too little history: 20 windows are required, 8 of them with deliveries (12 deliveries for a series with its own interval)',
  LIFE_BROKEN: (history) =>
    `its events form separate lives, with silences longer than the ${history} of history that are read: the events do not show whether it ended and began again`,
  TOO_IRREGULAR: () => 'too irregular: no silence as short as the range can be distinguished from chance',
  STILL_ARRIVING: () => 'too early to judge: events of these windows may still come',
};

/** Ticks are due each; other windows where the series keeps a clock. */
function skippedOf({ verdict }: JudgedLife): View['skipped'] {
  return verdict.due === null ? null : dueWindows(verdict);
}

/** Windows of the range between the first and the last event of each life, and those of them with events. */
function askedWindows({ numbered }: ModelledSeries, { declaredMs }: GapQuestion): { windows: number; full: number } {
  let [windows, full] = [0, 0];
  for (const [i, { at, range }] of numbered.entries()) {
    const from = Math.min(range[0], (at.at(-1) ?? 0) + 1);
    const to = Math.min(range[1], (at.at(-1) ?? 0) + 1);
    windows += Math.max(0, to - from);
    full += placeOf(at, to) - placeOf(at, from);
    // Between two lives each window is empty; only a declared interval says that something was due.
    const next = numbered[i + 1];
    if (declaredMs !== null && next !== undefined && range[1] > (at.at(-1) ?? 0))
      windows += betweenLives(numbered[i] as LifeWindows, next);
  }
  return { windows, full };
}

function betweenLives({ at, ruler }: LifeWindows, next: LifeWindows): number {
  return Math.max(0, ruler.indexOf(next.life.cells[0]?.start_ms ?? 0) - (at.at(-1) ?? 0) - 1);
}

/** The silence from the last event to the end of the range, if that is at least one window. */
function silenceOf({ series, judged }: SeriesFindings, question: GapQuestion): View['silence'] {
  const { end_time, asOfMs, calendar } = question;
  const last = series.numbered.at(-1) as LifeWindows;
  const { life } = last;
  const endMs = Math.min(end_time, asOfMs + 1);
  const lastStart = life.cells.at(-1)?.start_ms ?? 0;
  const windows = endMs <= lastStart ? 0 : createRuler(calendar, lastStart, endMs).indexOf(endMs) - 1;
  if (windows < 1) return null;
  const silentMs = Math.min(end_time, asOfMs) - life.lastMs;
  const longest = silentMs > longestSilence(life);
  const verdict = judged.find(({ life: one }) => one === life);
  const isOver = silentMs > HISTORY_MS[calendar.grain];
  const longer_than_chance = verdict === undefined || isOver ? null : verdict.verdict.openIsOutage;
  const overdue = verdict === undefined || isOver ? null : overdueOf(verdict);
  const parts = [
    `silent for ${durationText(silentMs)} since its last event, ${longest ? 'its longest silence' : 'not its longest silence'}`,
    ...(longer_than_chance === true ? ['longer than chance explains'] : []),
    ...(overdue === null || overdue === 0 ? [] : [`${counted(overdue, 'delivery is', 'deliveries are')} overdue`]),
    'its events do not show whether it ended or fails',
  ];
  return {
    since: formatEpochMs(life.lastMs),
    windows,
    longest,
    longer_than_chance,
    overdue,
    text: `${parts.slice(0, -1).join(', ')}; ${parts.at(-1)}`,
  };
}

function longestSilence({ cells }: Life): number {
  let longest = 0;
  for (let i = 1; i < cells.length; i++)
    longest = Math.max(longest, (cells[i]?.firstMs ?? 0) - (cells[i - 1]?.lastMs ?? 0));
  return longest;
}

/** Deliveries that a clock has had due since its last event; null for a series without one. */
function overdueOf({ verdict, ticks }: JudgedLife): number | null {
  const { silences, profile, due } = verdict;
  if (!silences.isOpen) return verdict.due === null && ticks === null ? null : 0;
  const [from, to] = [silences.from[silences.count - 1] ?? 0, silences.to[silences.count - 1] ?? 0];
  if (ticks !== null) return to - from;
  if (due === null) return null;
  const dueTo = profile.layout.sums(Float64Array.from(due));
  return dueTo(to) - dueTo(from);
}

/** Lives other than the largest one: single events with a wrong time, and periods separated by a long silence. */
function apartOf({ lives, main }: ModelledSeries, { calendar, declaredMs }: GapQuestion): ApartLife[] {
  const apart: ApartLife[] = [];
  if (main.cells.length < DELIVERING_MIN) return apart;
  for (const life of lives) {
    if (life === main || (declaredMs !== null && !isOutlier(life, main))) continue;
    const isBefore = life.lastMs < main.firstMs;
    const distance = isBefore ? main.firstMs - life.lastMs : life.firstMs - main.lastMs;
    const lies = `${isBefore ? 'before' : 'after'} ${isOutlier(life, main) ? 'the others' : 'most of the others'}`;
    const window = calendar.at(life.cells[0]?.start_ms ?? life.firstMs);
    apart.push({
      view: {
        events: life.events,
        first_time: formatEpochMs(life.firstMs),
        last_time: formatEpochMs(life.lastMs),
        text: `${counted(life.events, 'event lies', 'events lie')} ${longText(distance)} ${lies}`,
      },
      window,
    });
  }
  return apart;
}

const YEAR_MS = 365.25 * 86_400_000;

/** Years where it is some, else as usual. */
function longText(ms: number): string {
  return ms < 2 * YEAR_MS ? durationText(ms) : counted(Math.round(ms / YEAR_MS), 'year');
}
