import type { ChangeExplanation, UnitKind } from '@pik/schema';
import { greatestOf, leastOf } from '@pik/schema';

import { grouped, shortTime } from '../format.ts';
import type { Chart, Waterfall } from './chart.ts';

/** From the value before to the one after, class by class; nothing where the parts are not known. */
export function waterfall(change: ChangeExplanation): Chart[] {
  const { waterfall: walk, metric, key, window_start } = change;
  const values = walk.map(({ value }) => value);
  if (values.length === 0 || values.includes(null)) return [];
  const base = baseOf(values as number[]);
  let reached = base;
  const steps: Waterfall['steps'][number][] = [];
  for (const { step, value } of walk) {
    const whole = step === 'BEFORE' || step === 'AFTER';
    if (whole) steps.push({ name: step, from: base, to: value as number, whole });
    else
      for (const { name, part } of partsOf(change, { step, whole: (value as number) - reached })) {
        steps.push({ name, from: reached, to: reached + part, whole });
        reached += part;
      }
    reached = value as number;
  }
  const cut = base === 0 ? '' : `; bars start at ${grouped(base)}`;
  return [{ kind: 'waterfall', title: `${metric} of ${key}, ${shortTime(window_start)}${cut}`, steps }];
}

const KINDS: Readonly<Record<UnitKind, string>> = {
  CAME: 'came',
  CAME_BACK: 'came back',
  CHANGED: 'changed',
  WENT: 'went',
};

/** A class by what became of its units, so that gains and losses do not hide each other, where all of them are listed. */
function partsOf(
  { units }: ChangeExplanation,
  { step, whole }: { step: string; whole: number },
): { name: string; part: number }[] {
  const own = units === null || units.items.length < units.total ? [] : units.items;
  const parts = Object.entries(KINDS).flatMap(([kind, name]) => {
    const part = own
      .filter((unit) => unit.class === step && unit.kind === kind)
      .reduce((sum, { contribution }) => sum + contribution, 0);
    return part === 0 ? [] : [{ name: `${step} ${name}`, part }];
  });
  const sum = parts.reduce((total, { part }) => total + part, 0);
  // A unit that several classes changed counts under the largest of them alone.
  return parts.length > 1 && sum === whole ? parts : [{ name: step, part: whole }];
}

/** Where the bars of the values start: at zero, unless the change would be lost to the eye beside them. */
function baseOf(values: readonly number[]): number {
  const [low, high] = [leastOf(values), greatestOf(values)];
  const span = high - low;
  return span > 0 && low > 3 * span ? low - span / 2 : 0;
}
