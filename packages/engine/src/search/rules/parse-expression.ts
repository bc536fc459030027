import { LIMITS, type MomentBase, momentFault, nearestName, OUTCOMES, parseMoment, SEARCH_FIELDS } from '@pik/schema';
import {
  type Comparison,
  EVERY_RECEIPT,
  type Expression,
  type Literal,
  type Path,
  type SearchField,
  type Step,
} from './expression.ts';
import { numeralOf } from './numeral.ts';
import { ExpressionFault, type Token, tokensOf } from './tokens.ts';

/**
 * Parses an expression; times are resolved by `base`. An empty one matches every receipt.
 *
 * @throws ExpressionFault with the place of the fault.
 */
export function parseExpression(source: string, base: MomentBase): Expression {
  const reader: Reader = { tokens: tokensOf(source), next: 0, depth: 0, base };
  if (peek(reader).kind === 'end') return EVERY_RECEIPT;
  const expression = readOr(reader);
  const rest = peek(reader);
  if (rest.kind !== 'end')
    throw new ExpressionFault(rest.at, `${named(rest)} is left over; join conditions with "and" or "or"`);
  return expression;
}

interface Reader {
  readonly tokens: readonly Token[];
  next: number;
  depth: number;
  readonly base: MomentBase;
}

const END: Token = { kind: 'end', text: '', at: 0, isAdjacent: false };

function peek({ tokens, next }: Reader): Token {
  return tokens[next] ?? tokens.at(-1) ?? END;
}

function take(reader: Reader): Token {
  const token = peek(reader);
  if (token.kind !== 'end') reader.next += 1;
  return token;
}

function isMark(token: Token, text: string): boolean {
  return token.kind === 'mark' && token.text === text;
}

function isOperator(token: Token, mark: string, word: string): boolean {
  return isMark(token, mark) || (token.kind === 'word' && token.text.toLowerCase() === word);
}

function expectMark(reader: Reader, mark: string): void {
  const token = take(reader);
  if (!isMark(token, mark)) throw new ExpressionFault(token.at, `expected ${mark}, found ${named(token)}`);
}

const named = ({ kind, text }: Token) => (kind === 'end' ? 'the end' : JSON.stringify(text));

function readOr(reader: Reader): Expression {
  const parts = [readAnd(reader)];
  while (isOperator(peek(reader), '||', 'or')) {
    take(reader);
    parts.push(readAnd(reader));
  }
  return joined('or', parts);
}

function readAnd(reader: Reader): Expression {
  const parts = [readNot(reader)];
  while (isOperator(peek(reader), '&&', 'and')) {
    take(reader);
    parts.push(readNot(reader));
  }
  return joined('and', parts);
}

function joined(kind: 'and' | 'or', parts: readonly Expression[]): Expression {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : { kind, parts };
}

function readNot(reader: Reader): Expression {
  const token = peek(reader);
  const isNot = isOperator(token, '!', 'not');
  if (!isNot && !isMark(token, '(')) return readCondition(reader);
  take(reader);
  reader.depth += 1;
  if (reader.depth > LIMITS.search_depth_max)
    throw new ExpressionFault(token.at, `conditions nest deeper than ${LIMITS.search_depth_max}`);
  const part = isNot ? readNot(reader) : readOr(reader);
  if (!isNot) expectMark(reader, ')');
  reader.depth -= 1;
  return isNot ? { kind: 'not', part } : part;
}

function readCondition(reader: Reader): Expression {
  const first = peek(reader);
  if (first.kind !== 'word')
    throw new ExpressionFault(first.at, `expected a field such as source, found ${named(first)}`);
  if (first.text === 'has' && isMark(reader.tokens[reader.next + 1] ?? END, '(')) return readHas(reader);
  const { path, method } = readPath(reader);
  return method === null ? readComparison(reader, path) : readMethod(reader, { path, method, at: first.at });
}

function readHas(reader: Reader): Expression {
  take(reader);
  expectMark(reader, '(');
  const { path, method } = readPath(reader);
  if (method !== null) throw new ExpressionFault(peek(reader).at, 'has takes a field or a path');
  expectMark(reader, ')');
  return { kind: 'has', path };
}

const METHODS = ['contains', 'startsWith'] as const;
type Method = (typeof METHODS)[number];

/** Reads a path, and the method that the last name is if a parenthesis follows it. */
function readPath(reader: Reader): { path: Path; method: Method | null } {
  const first = take(reader);
  if (first.kind !== 'word')
    throw new ExpressionFault(first.at, `expected a field such as source, found ${named(first)}`);
  const [field = '', ...names] = first.text.split('.');
  const known = SEARCH_FIELDS.find((one) => one === field);
  if (known === undefined) throw new ExpressionFault(first.at, unknownField(field));
  const steps = memberSteps(names, first);
  for (;;) {
    if (isMark(peek(reader), '[')) {
      steps.push(readElement(reader));
      continue;
    }
    const token = peek(reader);
    if (token.kind !== 'word' || !token.isAdjacent || !token.text.startsWith('.')) break;
    take(reader);
    for (const step of memberSteps(token.text.slice(1).split('.'), token)) steps.push(step);
  }
  const method = methodOf(steps.at(-1), isMark(peek(reader), '('), peek(reader).at);
  if (method !== null) steps.pop();
  checkSteps(known, steps, first.at);
  return { path: { field: known, steps }, method };
}

function methodOf(step: Step | undefined, isCalled: boolean, at: number): Method | null {
  if (!isCalled) return null;
  const method = step?.kind === 'member' ? METHODS.find((one) => one === step.name) : undefined;
  if (method === undefined)
    throw new ExpressionFault(at, `the only functions are has(…), ${METHODS.map((one) => `.${one}(…)`).join(' and ')}`);
  return method;
}

function memberSteps(names: readonly string[], { at, text }: Token): Step[] {
  return names.map((name) => {
    if (name === '')
      throw new ExpressionFault(at, `${JSON.stringify(text)} has an empty name; write ["…"] for a name with a dot`);
    return { kind: 'member', name };
  });
}

function unknownField(field: string): string {
  const nearest = nearestName(field, [...SEARCH_FIELDS]);
  const hint = nearest === null ? `the fields are ${SEARCH_FIELDS.join(', ')}` : `did you mean ${nearest}?`;
  return `${JSON.stringify(field)} is not a field: ${hint}`;
}

function checkSteps(field: SearchField, steps: readonly Step[], at: number): void {
  if (field !== 'payload' && steps.length > 0)
    throw new ExpressionFault(at, `${field} has no parts; paths begin with payload`);
  if (steps.length > LIMITS.json_depth_max)
    throw new ExpressionFault(at, `a path has at most ${LIMITS.json_depth_max} steps`);
}

/** Reads `["name"]`, `[0]` or `[*]`. */
function readElement(reader: Reader): Step {
  expectMark(reader, '[');
  const token = take(reader);
  expectMark(reader, ']');
  if (token.kind === 'text') return { kind: 'member', name: token.text };
  if (token.kind === 'word' && token.text === '*') return { kind: 'any' };
  if (token.kind === 'word' && /^\d{1,6}$/.test(token.text)) return { kind: 'element', index: Number(token.text) };
  throw new ExpressionFault(token.at, `expected ["name"], [0] or [*], found ${named(token)}`);
}

function readMethod(reader: Reader, { path, method, at }: { path: Path; method: Method; at: number }): Expression {
  expectMark(reader, '(');
  const token = take(reader);
  if (token.kind !== 'text' && token.kind !== 'word')
    throw new ExpressionFault(token.at, `${method} takes a text, found ${named(token)}`);
  expectMark(reader, ')');
  if (path.field === 'imported') throw new ExpressionFault(at, 'imported is true or false, not a text');
  return { kind: method, path, text: token.text };
}

const COMPARISONS: readonly string[] = ['=', '==', '<', '<=', '>', '>='] satisfies Comparison[];

function readComparison(reader: Reader, path: Path): Expression {
  const operator = take(reader);
  if (operator.kind === 'word' && operator.text === 'in') return readIn(reader, path);
  const isComparison = operator.kind === 'mark' && (COMPARISONS.includes(operator.text) || operator.text === '!=');
  if (!isComparison)
    throw new ExpressionFault(operator.at, `expected a comparison such as = or in, found ${named(operator)}`);
  const token = take(reader);
  const to = literalOf(token, path, reader.base);
  if (operator.text === '!=') return { kind: 'not', part: { kind: 'compare', path, by: '==', to, word: null } };
  const by = operator.text as Comparison;
  const isOrder = by !== '=' && by !== '==';
  if (isOrder && (to.kind === 'boolean' || to.kind === 'null'))
    throw new ExpressionFault(token.at, `${by} compares numbers, texts and times, not ${named(token)}`);
  return { kind: 'compare', path, by, to, word: by === '=' && token.kind === 'word' ? token.text : null };
}

function readIn(reader: Reader, path: Path): Expression {
  expectMark(reader, '[');
  const values: Literal[] = [];
  do values.push(literalOf(take(reader), path, reader.base));
  while (isMark(peek(reader), ',') && take(reader));
  expectMark(reader, ']');
  return { kind: 'in', path, values };
}

/** The value of a token, by its own form in payloads and by the type of the field elsewhere. */
function literalOf(token: Token, { field }: Path, base: MomentBase): Literal {
  const { kind, text, at } = token;
  if (kind !== 'word' && kind !== 'text') throw new ExpressionFault(at, `expected a value, found ${named(token)}`);
  if (field === 'event_time' || field === 'received_at') return timeOf(token, base);
  if (field === 'imported') return switchOf(token);
  if (field === 'outcome' && !OUTCOMES.some((one) => one === text))
    throw new ExpressionFault(at, `${JSON.stringify(text)} is not an outcome: write ${OUTCOMES.join(', ')}`);
  if (field !== 'payload' || kind === 'text') return { kind: 'text', text };
  if (text === 'null') return { kind: 'null' };
  if (text === 'true' || text === 'false') return { kind: 'boolean', value: text === 'true' };
  const numeral = numeralOf(text);
  return numeral === null ? { kind: 'text', text } : { kind: 'number', numeral };
}

function timeOf({ text, at }: Token, base: MomentBase): Literal {
  const instant = text.length <= LIMITS.time_chars_max ? parseMoment(text, base) : null;
  if (instant === null) throw new ExpressionFault(at, `${JSON.stringify(text)} is not a time: ${momentFault(text)}`);
  return { kind: 'text', text: instant.utc };
}

function switchOf({ text, at }: Token): Literal {
  if (text !== 'true' && text !== 'false') throw new ExpressionFault(at, 'imported is true or false');
  return { kind: 'boolean', value: text === 'true' };
}
