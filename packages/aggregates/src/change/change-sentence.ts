import type { ChangeClass, ChangeClassPart, UnitKind } from '@pik/schema';
import { counted, durationText, greatestOf, leastOf, MS_PER_HOUR, parseTime } from '@pik/schema';
import type { Attributed } from './attributed.ts';
import { mainClass } from './change-classes.ts';
import type { ChangeSides } from './change-diff.ts';

/** The facts in the sentence. */
export interface SentenceFacts {
  readonly metric: string;
  readonly key: string;
  readonly sides: ChangeSides;
  readonly attributed: Attributed;
  readonly classes: readonly ChangeClassPart[];
  readonly delta: number | null;
}

/** The change in one sentence. */
export function changeSentence(facts: SentenceFacts): string {
  const { sides, classes, delta } = facts;
  const head = headText(facts);
  if (classes.length === 0) return `${head}: ${sameText(facts)}.`;
  if (JSON.stringify(sides.before.value) === JSON.stringify(sides.after.value) && isUnmoved(classes))
    return `${head}: ${inputsText(classes)}, and ${differing(classes) === 1 ? 'it changes' : 'they change'} nothing.`;
  const change = delta === null || delta === 0 ? '' : ` (${signed(delta)})`;
  return `${head}${change}: ${partsText(facts)}.`;
}

function headText({ metric, key, sides }: SentenceFacts): string {
  const whose = key === 'all' ? metric : `${metric} of ${key}`;
  const [before, after] = [valueText(sides.before.value), valueText(sides.after.value)];
  const name = `${whose} on ${windowText(sides)}`;
  if (JSON.stringify(sides.before.value) === JSON.stringify(sides.after.value)) return `${name}: ${after}, unchanged`;
  if (sides.before.input_count === 0 && sides.before.value === null) return `${name}: ${after}, the first value`;
  return `${name}: ${before} → ${after}`;
}

/** True if no class has a part of its own; parts that cancel out are listed. */
function isUnmoved(classes: readonly ChangeClassPart[]): boolean {
  return classes.every(({ contribution }) => contribution === 0 || contribution === null) && differing(classes) > 0;
}

/** How many inputs came and went, class by class. */
function inputsText(classes: readonly ChangeClassPart[]): string {
  const parts = classes.flatMap(({ class: name, came, went }) => [
    ...(came > 0 ? [`${counted(came, 'input')} came ${CLASS_WORDS[name]}`] : []),
    ...(went > 0 ? [`${counted(went, 'input')} went ${CLASS_WORDS[name]}`] : []),
  ]);
  return listText(parts);
}

function partsText({ attributed, classes }: SentenceFacts): string {
  const parts = attributed.units === null ? [] : unitPhrases(attributed);
  const covered = new Set(attributed.units === null ? [] : classes.filter(isOfUnits).map((part) => part.class));
  const others = classes.filter((part) => !covered.has(part.class));
  // A class without a part appears only if there is nothing else to say.
  const moving = others.filter(({ contribution }) => contribution !== 0);
  const phrases = [...parts, ...(moving.length + parts.length > 0 ? moving : others).map(classPhrase)];
  if (phrases.length === 0)
    phrases.push(
      counted(differing(classes), "input differs and no unit's share does", "inputs differ and no unit's share does"),
    );
  const lag = attributed.units === null ? '' : lagText(classes.filter(isOfUnits));
  return `${listText(phrases)}${lag}`;
}

function isOfUnits({ came, went, class: name }: ChangeClassPart): boolean {
  return came + went > 0 && name !== 'DEFINITION';
}

function sameText({ sides, attributed }: SentenceFacts): string {
  if (attributed.why_not !== null) return attributed.why_not;
  return sides.before.input_count === sides.after.input_count ? 'the inputs are the same' : 'the inputs are unknown';
}

function differing(classes: readonly ChangeClassPart[]): number {
  return classes.reduce((sum, { came, went }) => sum + came + went, 0);
}

const UNIT_WORDS: Readonly<Record<UnitKind, string>> = {
  CAME: 'came',
  CAME_BACK: 'came back',
  WENT: 'went',
  CHANGED: 'changed',
};

const CLASS_WORDS: Readonly<Record<ChangeClass, string>> = {
  LATE: 'late',
  ON_TIME: 'while the window was open',
  NEWLY_PROCESSED: 'received in time but missed',
  IMPORTED: 'by an import',
  EXPIRED: 'by expiry',
  CORRECTED: 'by other receipts of conflicts',
  DUPLICATE_REMOVED: 'by the other identity rule',
  UNEXPLAINED: 'for no recorded reason',
  DEFINITION: 'by the new definition',
};

/** How many units came, came back, went and changed, class by class; the most first. */
function unitPhrases({ units }: Attributed): string[] {
  const counts = new Map<string, number>();
  for (const share of units ?? []) {
    if (share.kind === null) continue;
    const name = mainClass(share);
    // Lateness matters only for a first report: units that came back or went were reported in time before.
    const how = name === 'LATE' && share.kind !== 'CAME' ? '' : ` ${CLASS_WORDS[name]}`;
    const words = `${UNIT_WORDS[share.kind]}${how}`;
    counts.set(words, (counts.get(words) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a).map(([words, count]) => `${number(count)} ${words}`);
}

function classPhrase(part: ChangeClassPart): string {
  const { class: name, contribution, dimensions } = part;
  const inputs = part.came + part.went;
  const amount = contribution === null ? counted(inputs, 'input') : signed(contribution);
  const source = dimensions.find(({ field }) => field === 'source');
  const [first, ...others] = source?.values ?? [];
  const share = first === undefined ? 0 : first.inputs / inputs;
  const from = first === undefined || share < 0.5 ? '' : ` ${others.length === 0 ? '' : 'mostly '}from ${first.value}`;
  return `${amount} ${CLASS_WORDS[name]}${from}${name === 'DEFINITION' ? '' : lagText([part])}`;
}

/** The lags of the inputs that changed the value, or of all inputs if those are unknown. */
function lagText(classes: readonly ChangeClassPart[]): string {
  const lags = classes.map((part) => part.changing ?? part);
  const low = leastOf(lags.map(({ lag_min_ms }) => lag_min_ms ?? Number.POSITIVE_INFINITY));
  const high = greatestOf(lags.map(({ lag_max_ms }) => lag_max_ms ?? Number.NEGATIVE_INFINITY));
  if (!Number.isFinite(low) || !Number.isFinite(high)) return '';
  const [from, to] = [durationText(low), durationText(high)];
  return from === to ? `, ${to} after the event` : `, ${from} to ${to} after the event`;
}

/** A day as its date in its own zone, a shorter window as its start. */
function windowText({ after: { window_start, window_end, time_zone } }: ChangeSides): string {
  const start = parseTime(window_start)?.epoch_ms ?? 0;
  const end = parseTime(window_end)?.epoch_ms ?? 0;
  if (end - start <= 2 * MS_PER_HOUR) return `${window_start.slice(0, 16)}Z`;
  return new Intl.DateTimeFormat('sv-SE', { timeZone: time_zone, dateStyle: 'short' }).format(start);
}

function listText(parts: readonly string[]): string {
  const last = parts.at(-1) ?? '';
  if (parts.length < 2) return last;
  return parts.length === 2 ? `${parts[0]} and ${last}` : `${parts.slice(0, -1).join('; ')}; and ${last}`;
}

const VALUE_CHARS_MAX = 60;

function valueText(value: unknown): string {
  if (typeof value === 'number') return number(value);
  const text = JSON.stringify(value) ?? 'null';
  return text.length > VALUE_CHARS_MAX ? `${text.slice(0, VALUE_CHARS_MAX)}…` : text;
}

function number(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 6 });
}

function signed(value: number): string {
  return value < 0 ? `−${number(-value)}` : `+${number(value)}`;
}
