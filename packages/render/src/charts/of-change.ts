import type { ChangeExplanation, UnitKind } from '@pik/schema';
import { greatestOf, leastOf } from '@pik/schema';

import { grouped, shortTime } from '../format.ts';
import type { Chart, Waterfall } from './chart.ts';

/** From the value before to the value after, class by class; null if the parts are unknown. */
export function waterfall(change: ChangeExplanation): Chart[] {
  const { waterfall: walk, metric, key, window_start } = change;
  const reachedBy = walk.flatMap(({ step, value }) => (value === null ? [] : [{ step, value }]));
  if (reachedBy.length === 0 || reachedBy.length < walk.length) return [];
  const base = baseOf(reachedBy.map(({ value }) => value));
  let reached = base;
  const steps: Waterfall['steps'][number][] = [];
  for (const { step, value } of reachedBy) {
    const isTotal = step === 'BEFORE' || step === 'AFTER';
    if (isTotal) steps.push({ name: step, from: base, to: value, isTotal });
    else
      for (const { name, part } of partsOf(change, { step, total: value - reached })) {
        steps.push({ name, from: reached, to: reached + part, isTotal });
        reached += part;
      }
    reached = value;
  }
  const baseNote = base === 0 ? '' : `; bars start at ${grouped(base)}`;
  return [{ kind: 'waterfall', title: `${metric} of ${key}, ${shortTime(window_start)}${baseNote}`, steps }];
}

const KINDS: Readonly<Record<UnitKind, string>> = {
  CAME: 'came',
  CAME_BACK: 'came back',
  CHANGED: 'changed',
  WENT: 'went',
};

/** Splits a class by gains and losses, so that they do not hide each other, if all of its units are listed. */
function partsOf(
  { units }: ChangeExplanation,
  { step, total }: { step: string; total: number },
): { name: string; part: number }[] {
  const own = units === null || units.items.length < units.total ? [] : units.items;
  const parts = Object.entries(KINDS).flatMap(([kind, name]) => {
    const part = own
      .filter((unit) => unit.class === step && unit.kind === kind)
      .reduce((sum, { contribution }) => sum + contribution, 0);
    return part === 0 ? [] : [{ name: `${step} ${name}`, part }];
  });
  const sum = parts.reduce((before, { part }) => before + part, 0);
  // A unit that several classes changed counts only under its largest class.
  return parts.length > 1 && sum === total ? parts : [{ name: step, part: total }];
}

/** Where the bars start: at zero, unless the change would then be too small to see. */
function baseOf(values: readonly number[]): number {
  const [low, high] = [leastOf(values), greatestOf(values)];
  const span = high - low;
  return span > 0 && low > 3 * span ? low - span / 2 : 0;
}
