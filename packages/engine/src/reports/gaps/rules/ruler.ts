import { at, MS_PER_DAY, MS_PER_HOUR } from '@pik/schema';
import type { Turn } from './cadence/layout.ts';
import { type Calendar, GRAIN_MS } from './calendar.ts';

/** The windows of a calendar by number, 0 being the one that holds the start: no window is made to be counted. */
export interface Ruler {
  /** The number of the window that holds an instant, which lies in the span of the ruler. */
  indexOf(epochMs: number): number;
  /** The first instant of a window. */
  startOf(index: number): number;
  /** How windows fall into the slots of their cycle: by the zone of the calendar, and where that differs, by UTC. */
  readonly turns: readonly (readonly Turn[])[];
}

/** A time in which the zone keeps one offset. */
interface Span {
  readonly fromMs: number;
  readonly offset: number;
  /** A window's number is that of its local time less this. */
  readonly shift: number;
  readonly firstIndex: number;
}

/** 1970-01-01 was a Thursday; the first slot is a Monday. */
const THURSDAY = 3;

/** The ruler of a span of time. */
export function createRuler(calendar: Calendar, fromMs: number, toMs: number): Ruler {
  const { grain } = calendar;
  const length = GRAIN_MS[grain];
  const spans = spansOf(calendar, fromMs, toMs);
  const spanWhere = (isIn: (span: Span) => boolean) => spans.findLast(isIn) ?? at(spans, 0);
  // Minutes are the same in all zones.
  const local = ({ offset }: Span) => (grain === 'minute' ? 0 : offset);
  return {
    indexOf(ms) {
      const span = spanWhere(({ fromMs: start }) => start <= ms);
      return Math.floor((ms + local(span)) / length) - span.shift;
    },
    startOf(index) {
      const span = spanWhere(({ firstIndex }) => firstIndex <= index);
      const start = (index + span.shift) * length - local(span);
      if (grain === 'day') return calendar.at(start + MS_PER_DAY / 2).start_ms;
      // The first window after a change may begin within an hour.
      return index === span.firstIndex ? Math.max(start, span.fromMs) : start;
    },
    turns: turnsOf(calendar, spans),
  };
}

function spansOf(calendar: Calendar, fromMs: number, toMs: number): Span[] {
  const { grain, offsetAt } = calendar;
  const length = GRAIN_MS[grain];
  const first = calendar.at(fromMs).start_ms;
  const offset = offsetAt(first);
  const numberOf = (ms: number, ahead: number) => Math.floor((ms + (grain === 'minute' ? 0 : ahead)) / length);
  const spans: Span[] = [{ fromMs: first, offset, shift: numberOf(first, offset), firstIndex: 0 }];
  for (const change of calendar.changesBetween(first, toMs)) {
    const before = at(spans, spans.length - 1);
    const last = numberOf(change - 1, before.offset);
    const next = numberOf(change, offsetAt(change));
    // A day continues over the change; an hour ends early. A date that the zone leaves out is not a window.
    const goesOn = grain === 'hour' ? false : grain === 'day' ? next <= last : next === last;
    const firstIndex = last - before.shift + (goesOn ? 0 : 1);
    spans.push({ fromMs: change, offset: offsetAt(change), shift: next - firstIndex, firstIndex });
  }
  return spans;
}

function turnsOf({ grain, timeZone }: Calendar, spans: readonly Span[]): Turn[][] {
  const turnsBy = (phaseOf: (span: Span) => number) =>
    spans.map((span) => ({ from: span.firstIndex, phase: phaseOf(span) }));
  if (grain === 'day') return [turnsBy(({ shift }) => shift + THURSDAY)];
  if (grain === 'minute') {
    const byZone = turnsBy(({ shift, offset }) => shift + Math.floor(offset / GRAIN_MS.minute));
    return timeZone === 'UTC' ? [byZone] : [byZone, turnsBy(({ shift }) => shift)];
  }
  const byZone = turnsBy(({ shift }) => shift + THURSDAY * 24);
  const byUtc = turnsBy(({ shift, offset }) => shift + THURSDAY * 24 + Math.floor(-offset / MS_PER_HOUR));
  return timeZone === 'UTC' ? [byZone] : [byZone, byUtc];
}
