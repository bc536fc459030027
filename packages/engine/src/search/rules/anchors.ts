import type { Outcome } from '@pik/schema';
import type { Expression, Literal, Path } from './expression.ts';
import { plainDigits } from './numeral.ts';

/** A member whose value is written in this way: a word of JSON, or a number with an exponent, which does not show its digits. */
export interface Leaf {
  readonly name: string;
  readonly value: 'true' | 'false' | 'null' | 'exponent';
}

/**
 * A test on the raw line of a receipt that every match passes: the line contains one of the needles or one of the leaves, or its
 * text has an escaped ASCII character. Lines that fail it need not be parsed.
 */
export interface Anchor {
  readonly needles: readonly string[];
  readonly leaves: readonly Leaf[];
}

/**
 * The anchor of an expression; null if any line may match.
 *
 * A line is an envelope as JSON, in which the received text is a JSON string. So a character of that text stands there as it is
 * if it is printable ASCII other than a quote, a backslash or a slash, which producers may escape. A producer may also write
 * such a character as `\u0041`, for which every line is searched too.
 */
export function anchorOf(expression: Expression): Anchor | null {
  switch (expression.kind) {
    case 'and':
      return expression.parts.map(anchorOf).reduce(stronger, null);
    case 'or':
      return eitherOf(expression.parts.map(anchorOf));
    case 'not':
      return null;
    case 'has':
      return nameAnchor(expression.path);
    case 'contains':
    case 'startsWith':
      return preferred(textAnchor(expression.path, expression.text), nameAnchor(expression.path));
    case 'in':
      return valuesAnchor(expression.path, expression.values);
    case 'compare': {
      const { path, by, to, word } = expression;
      if (by !== '=' && by !== '==') return nameAnchor(path);
      const loose = word === null ? [] : [{ kind: 'text', text: word } as const];
      return valuesAnchor(path, [to, ...loose]);
    }
  }
}

/** The length of the shortest needle: longer needles are rarer. */
function strengthOf({ needles }: Anchor): number {
  return needles.reduce((least, { length }) => Math.min(least, length), Number.POSITIVE_INFINITY);
}

function stronger(a: Anchor | null, b: Anchor | null): Anchor | null {
  if (a === null || b === null) return a ?? b;
  return strengthOf(b) > strengthOf(a) ? b : a;
}

/** The values of an event are rarer than the names of its members, unless they are very short. */
const VALUE_CHARS_MIN = 3;

function preferred(value: Anchor | null, name: Anchor | null): Anchor | null {
  return value !== null && strengthOf(value) >= VALUE_CHARS_MIN ? value : stronger(value, name);
}

function eitherOf(anchors: readonly (Anchor | null)[]): Anchor | null {
  const needles = new Set<string>();
  const leaves: Leaf[] = [];
  for (const anchor of anchors) {
    if (anchor === null) return null;
    for (const needle of anchor.needles) needles.add(needle);
    for (const leaf of anchor.leaves) leaves.push(leaf);
  }
  return anchors.length === 0 ? null : { needles: [...needles], leaves };
}

function valuesAnchor(path: Path, values: readonly Literal[]): Anchor | null {
  return preferred(eitherOf(values.map((value) => valueAnchor(path, value))), nameAnchor(path));
}

function valueAnchor(path: Path, value: Literal): Anchor | null {
  if (value.kind === 'text') return textAnchor(path, value.text);
  const name = lastName(path);
  if (name === null) return null;
  if (value.kind === 'boolean') return { needles: [], leaves: [{ name, value: value.value ? 'true' : 'false' }] };
  if (value.kind === 'null') return { needles: [], leaves: [{ name, value: 'null' }] };
  const digits = plainDigits(value.numeral);
  return digits === null ? null : { needles: [digits], leaves: [{ name, value: 'exponent' }] };
}

/** Fields whose values an envelope or its received text has as they are. Times are written in several ways. */
function hasText({ field }: Path): boolean {
  return !['event_time', 'received_at', 'outcome', 'imported'].includes(field);
}

function textAnchor(path: Path, text: string): Anchor | null {
  const run = hasText(path) ? longestRun(text) : '';
  return run === '' ? null : { needles: [run], leaves: [] };
}

function nameAnchor({ steps }: Path): Anchor | null {
  const runs = steps.map((step) => (step.kind === 'member' ? longestRun(step.name) : ''));
  const run = longest(runs);
  return run === '' ? null : { needles: [run], leaves: [] };
}

/** The name of the member that holds the value; null if it is an element of a list, or may be escaped. */
function lastName({ steps }: Path): string | null {
  const last = steps.at(-1);
  return last?.kind === 'member' && last.name !== '' && longestRun(last.name) === last.name ? last.name : null;
}

/** Printable ASCII without quote, slash and backslash. */
const PLAIN = /[ !#-.0-[\]-~]+/g;

function longestRun(text: string): string {
  return longest(text.match(PLAIN) ?? []);
}

function longest(texts: readonly string[]): string {
  return texts.reduce((best, text) => (text.length > best.length ? text : best), '');
}

/** The outcomes that a match can have; null if it can have any, or none. */
export function outcomesOf(expression: Expression): ReadonlySet<Outcome> | null {
  switch (expression.kind) {
    case 'and':
      return expression.parts.map(outcomesOf).find((one) => one !== null) ?? null;
    case 'or': {
      const all = new Set<Outcome>();
      for (const part of expression.parts) {
        const some = outcomesOf(part);
        if (some === null) return null;
        for (const one of some) all.add(one);
      }
      return all;
    }
    case 'compare':
      return isOutcome(expression.path) && (expression.by === '=' || expression.by === '==')
        ? outcomeSet([expression.to])
        : null;
    case 'in':
      return isOutcome(expression.path) ? outcomeSet(expression.values) : null;
    default:
      return null;
  }
}

const isOutcome = ({ field }: Path) => field === 'outcome';

function outcomeSet(values: readonly Literal[]): ReadonlySet<Outcome> {
  return new Set(values.flatMap((value) => (value.kind === 'text' ? [value.text as Outcome] : [])));
}
