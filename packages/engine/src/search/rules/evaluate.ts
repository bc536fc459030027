import type { Comparison, Expression, Literal, Path, SearchField, Step } from './expression.ts';
import { compareNumerals, doubleOf, type Numeral } from './numeral.ts';
import {
  ExactNumber,
  entityOf,
  eventTimeOf,
  hasPayload,
  keyOf,
  payloadIn,
  producerOf,
  type ReceiptFacts,
  traceOf,
} from './receipt-facts.ts';

/** True if an expression matches a receipt. Takes time linear in the size of both. */
export function matches(expression: Expression, facts: ReceiptFacts): boolean {
  switch (expression.kind) {
    case 'and':
      return expression.parts.every((part) => matches(part, facts));
    case 'or':
      return expression.parts.some((part) => matches(part, facts));
    case 'not':
      return !matches(expression.part, facts);
    case 'has':
      return someValue(expression.path, facts, () => true);
    case 'in':
      return someValue(expression.path, facts, (value) => expression.values.some((one) => equals(value, one)));
    case 'contains':
      return someValue(expression.path, facts, (value) => typeof value === 'string' && value.includes(expression.text));
    case 'startsWith':
      return someValue(
        expression.path,
        facts,
        (value) => typeof value === 'string' && value.startsWith(expression.text),
      );
    case 'compare': {
      const { by, to, word } = expression;
      if (by === '=' || by === '==')
        return someValue(expression.path, facts, (value) => equals(value, to) || (word !== null && value === word));
      return someValue(expression.path, facts, (value) => isOrdered(value, by, to));
    }
  }
}

/** True if a value at the path passes the test. A missing value passes none. */
function someValue({ field, steps }: Path, facts: ReceiptFacts, test: (value: unknown) => boolean): boolean {
  if (field === 'payload') return hasPayload(facts) && someAt(payloadIn(facts), { steps, next: 0 }, test);
  const value = fieldOf(field, facts);
  return value !== null && test(value);
}

/** The first number at a path; null if it has none. */
export function numberAt(path: Path, facts: ReceiptFacts): number | null {
  let number: number | null = null;
  someValue(path, facts, (value) => {
    const read = value instanceof ExactNumber ? Number(value.token) : value;
    if (typeof read !== 'number' || !Number.isFinite(read)) return false;
    number = read;
    return true;
  });
  return number;
}

function fieldOf(field: Exclude<SearchField, 'payload'>, facts: ReceiptFacts): string | boolean | null {
  const { envelope } = facts;
  switch (field) {
    case 'outcome':
      return facts.outcome;
    case 'entity_id':
      return entityOf(facts);
    case 'event_time':
      return eventTimeOf(facts);
    case 'trace_id':
      return traceOf(facts);
    case 'key':
      return keyOf(facts);
    case 'producer':
      return producerOf(facts);
    case 'body':
      return envelope.body ?? null;
    default:
      return envelope[field];
  }
}

function someAt(
  value: unknown,
  at: { steps: readonly Step[]; next: number },
  test: (value: unknown) => boolean,
): boolean {
  const step = at.steps[at.next];
  if (step === undefined) return test(value);
  const rest = { steps: at.steps, next: at.next + 1 };
  if (step.kind === 'any') return Array.isArray(value) && value.some((one) => someAt(one, rest, test));
  if (step.kind === 'element')
    return Array.isArray(value) && step.index < value.length && someAt(value[step.index], rest, test);
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof ExactNumber) return false;
  return Object.hasOwn(value, step.name) && someAt((value as Record<string, unknown>)[step.name], rest, test);
}

function equals(value: unknown, literal: Literal): boolean {
  switch (literal.kind) {
    case 'text':
      return value === literal.text;
    case 'boolean':
      return value === literal.value;
    case 'null':
      return value === null;
    case 'number': {
      const numeral = numeralIn(value);
      return numeral !== null && compareNumerals(numeral, literal.numeral) === 0;
    }
  }
}

function isOrdered(value: unknown, by: Exclude<Comparison, '=' | '=='>, literal: Literal): boolean {
  const order = orderOf(value, literal);
  if (order === null) return false;
  if (by === '<') return order < 0;
  if (by === '<=') return order <= 0;
  return by === '>' ? order > 0 : order >= 0;
}

/** The order of a value and a literal; null if they are of different types. */
function orderOf(value: unknown, literal: Literal): number | null {
  if (literal.kind === 'text') return typeof value === 'string' ? compareTexts(value, literal.text) : null;
  const numeral = literal.kind === 'number' ? numeralIn(value) : null;
  return numeral === null || literal.kind !== 'number' ? null : compareNumerals(numeral, literal.numeral);
}

function numeralIn(value: unknown): Numeral | null {
  if (value instanceof ExactNumber) return value;
  return typeof value === 'number' ? { token: String(value), double: doubleOf(String(value)) } : null;
}

/** The order of two texts by code point, which is that of their UTF-8 bytes. */
export function compareTexts(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return rankOf(x) - rankOf(y);
  }
  return a.length - b.length;
}

/** Surrogates belong to code points above every other. */
function rankOf(unit: number): number {
  if (unit >= 0xe000) return unit - 0x800;
  return unit >= 0xd800 ? unit + 0x2000 : unit;
}
