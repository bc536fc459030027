import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { compareUtf8 } from './utf8-order.ts';

// The part of DynamoDB's expressions that the backend uses, and nothing else: unknown syntax throws, so that no test passes
// because an expression was silently taken for true.

/** A row of a fake table. */
export type FakeItem = Record<string, AttributeValue>;

/** Names and values that an expression refers to. */
export interface Substitutes {
  readonly names?: Readonly<Record<string, string>> | undefined;
  readonly values?: FakeItem | undefined;
}

/** Reserved words of DynamoDB that an expression may not use as plain names; only those that rows of this kit might use. */
const RESERVED = new Set(
  `ADD ALL AND ANY AT BEGIN BETWEEN BINARY BY BYTE BYTES COMMENT COUNT CURSOR DATA DATE DAY DELETE DETAIL DURATION END ENTRIES
   ERROR EVENT EXISTS EXPLAIN FILTER FIRST FLAG FROM GROUP HASH HOUR INDEX ITEM ITEMS KEY KEYS LAST LENGTH LEVEL LIMIT LINE
   LINES LIST LOG MESSAGE METHOD METRICS MINUTE MONTH NAME NAMES NEXT NOT NULL NUMBER OPTIONS OR ORDER OUTPUT OWNER PART PATH
   PLAN POSITION QUERY RANGE RAW READ REASON RECORD REPLAY RESULT ROW ROWS RULE SCAN SEGMENT SELECT SET SIZE SOURCE START STATE
   STATUS STREAM TABLE TEXT TIME TIMESTAMP TO TTL TYPE UNIT UPDATE USER VALUE VALUES VERSION VIEW WHERE WINDOW YEAR ZONE`.split(
    /\s+/,
  ),
);

type Token = { readonly kind: 'word' | 'name' | 'value' | 'sign'; readonly text: string };

function tokens(expression: string): Token[] {
  const found: Token[] = [];
  const pattern = /\s*(?:(#\w+)|(:\w+)|([A-Za-z_]\w*)|(<=|>=|<>|[=<>(),]))/gy;
  while (pattern.lastIndex < expression.trimEnd().length) {
    const at = pattern.lastIndex;
    const match = pattern.exec(expression);
    if (match === null) throw new Error(`unknown syntax at ${at} of the expression: ${expression}`);
    const [, name, value, word, sign] = match;
    if (name !== undefined) found.push({ kind: 'name', text: name });
    else if (value !== undefined) found.push({ kind: 'value', text: value });
    else if (word !== undefined) found.push({ kind: 'word', text: word });
    else found.push({ kind: 'sign', text: sign ?? '' });
  }
  return found;
}

/** Reads tokens one after another. */
class Reader {
  readonly #tokens: readonly Token[];
  readonly #expression: string;
  readonly #used = new Set<string>();
  readonly #with: Substitutes;
  #at = 0;

  constructor(expression: string, substitutes: Substitutes) {
    this.#expression = expression;
    this.#tokens = tokens(expression);
    this.#with = substitutes;
  }

  get ended(): boolean {
    return this.#at >= this.#tokens.length;
  }

  /** The used names and values; like DynamoDB, the fake refuses unused ones. */
  get used(): ReadonlySet<string> {
    return this.#used;
  }

  peek(text: string): boolean {
    const token = this.#tokens[this.#at];
    return token !== undefined && (token.kind === 'word' || token.kind === 'sign') && token.text === text;
  }

  take(text: string): boolean {
    if (!this.peek(text)) return false;
    this.#at += 1;
    return true;
  }

  expect(text: string): void {
    if (!this.take(text)) throw this.unknown(`${text} expected`);
  }

  next(): Token {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw this.unknown('the expression ends too soon');
    return token;
  }

  name(): string {
    const { kind, text } = this.next();
    if (kind === 'word') {
      if (RESERVED.has(text.toUpperCase())) throw this.unknown(`${text} is a reserved word`);
      return text;
    }
    const name = kind === 'name' ? this.#with.names?.[text] : undefined;
    if (name === undefined) throw this.unknown(`${text} is not a name`);
    this.#used.add(text);
    return name;
  }

  value(): AttributeValue {
    const { kind, text } = this.next();
    const value = kind === 'value' ? this.#with.values?.[text] : undefined;
    if (value === undefined) throw this.unknown(`${text} is not a value`);
    this.#used.add(text);
    return value;
  }

  unknown(why: string): Error {
    return new Error(`${why} in the expression: ${this.#expression}`);
  }
}

/** A condition on a row. */
export type Test = (item: FakeItem) => boolean;

/** The names and values that an expression used. */
export interface Parsed<T> {
  readonly result: T;
  readonly used: ReadonlySet<string>;
}

/** Parses a condition, key condition or filter. */
export function parseCondition(expression: string, substitutes: Substitutes): Parsed<Test> {
  const reader = new Reader(expression, substitutes);
  const result = anyOf(reader);
  if (!reader.ended) throw reader.unknown('more than a condition');
  return { result, used: reader.used };
}

function anyOf(reader: Reader): Test {
  const tests = [allOf(reader)];
  while (reader.take('OR')) tests.push(allOf(reader));
  return (item) => tests.some((test) => test(item));
}

function allOf(reader: Reader): Test {
  const tests = [one(reader)];
  while (reader.take('AND')) tests.push(one(reader));
  return (item) => tests.every((test) => test(item));
}

function one(reader: Reader): Test {
  if (reader.take('(')) {
    const inner = anyOf(reader);
    reader.expect(')');
    return inner;
  }
  if (reader.peek('attribute_not_exists')) return exists(reader, false);
  if (reader.peek('attribute_exists')) return exists(reader, true);
  const name = reader.name();
  if (reader.take('BETWEEN')) return between(reader, name);
  const sign = reader.next().text;
  const value = reader.value();
  return (item) => compares(item[name], sign, value);
}

function exists(reader: Reader, wanted: boolean): Test {
  reader.next();
  reader.expect('(');
  const name = reader.name();
  reader.expect(')');
  return (item) => (item[name] !== undefined) === wanted;
}

function between(reader: Reader, name: string): Test {
  const from = reader.value();
  reader.expect('AND');
  const to = reader.value();
  if (!compares(from, '<=', to)) throw reader.unknown('BETWEEN ends before it starts');
  return (item) => compares(item[name], '>=', from) && compares(item[name], '<=', to);
}

/** Comparisons with missing values, or between types, are false. */
function compares(left: AttributeValue | undefined, sign: string, right: AttributeValue): boolean {
  const order = orderOf(left, right);
  if (!['=', '<', '<=', '>', '>='].includes(sign)) throw new Error(`unknown comparison ${sign}`);
  if (order === null) return false;
  if (sign === '=') return order === 0;
  if (sign === '<') return order < 0;
  if (sign === '<=') return order <= 0;
  return sign === '>' ? order > 0 : order >= 0;
}

function orderOf(left: AttributeValue | undefined, right: AttributeValue): number | null {
  if (left?.N !== undefined && right.N !== undefined) return Number(left.N) - Number(right.N);
  if (left?.S !== undefined && right.S !== undefined) return compareUtf8(left.S, right.S);
  if (left?.B !== undefined && right.B !== undefined) return Buffer.compare(left.B, right.B);
  return null;
}

/** Parses an update expression; returns a function that updates a row. */
export function parseUpdate(expression: string, substitutes: Substitutes): Parsed<(item: FakeItem) => FakeItem> {
  const reader = new Reader(expression, substitutes);
  const changes: ((item: FakeItem) => void)[] = [];
  while (!reader.ended) {
    if (reader.take('SET')) list(reader, () => changes.push(set(reader)));
    else if (reader.take('ADD')) list(reader, () => changes.push(add(reader)));
    else if (reader.take('REMOVE')) list(reader, () => changes.push(remove(reader)));
    else throw reader.unknown('a clause that is not known');
  }
  const result = (item: FakeItem) => {
    const changed = { ...item };
    for (const change of changes) change(changed);
    return changed;
  };
  return { result, used: reader.used };
}

function list(reader: Reader, element: () => void): void {
  do element();
  while (reader.take(','));
}

function set(reader: Reader): (item: FakeItem) => void {
  const name = reader.name();
  reader.expect('=');
  const value = reader.value();
  return (item) => {
    item[name] = value;
  };
}

function add(reader: Reader): (item: FakeItem) => void {
  const name = reader.name();
  const value = reader.value();
  if (value.N === undefined) throw reader.unknown('ADD needs a number');
  return (item) => {
    item[name] = { N: String(Number(item[name]?.N ?? 0) + Number(value.N)) };
  };
}

function remove(reader: Reader): (item: FakeItem) => void {
  const name = reader.name();
  return (item) => {
    delete item[name];
  };
}

/** Parses a projection; returns the names of attributes. */
export function parseProjection(expression: string, substitutes: Substitutes): Parsed<readonly string[]> {
  const reader = new Reader(expression, substitutes);
  const names: string[] = [];
  list(reader, () => names.push(reader.name()));
  if (!reader.ended) throw reader.unknown('more than a projection');
  return { result: names, used: reader.used };
}
