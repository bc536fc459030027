import { isExactNumber, mayBeInexact } from './exact-number.ts';

/** Facts about a JSON text, found in one pass before it is parsed. */
export interface JsonScan {
  /** Deepest nesting of objects and arrays; counting stops beyond the bound. */
  readonly depth: number;
  /** Object members at all depths: the colons outside strings. */
  readonly members: number;
  /** True if a double cannot represent some integer. */
  readonly inexact_integers: boolean;
  /** True if a double cannot represent some number with a point or an exponent. */
  readonly inexact_decimals: boolean;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const MINUS = 0x2d;

/**
 * Scans a text in one linear pass without recursion or allocation. Nesting must be known before the text is parsed, since
 * the parser accepts depths that overflow the stack of later code. Text that is not JSON returns arbitrary numbers, never
 * an error.
 */
export function scanJson(text: string, depthMax: number): JsonScan {
  let depth = 0;
  let deepest = 0;
  let members = 0;
  let inexactIntegers = false;
  let inexactDecimals = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = stringEnd(text, i);
    else if (code === COLON) members += 1;
    else if (code === OPEN_OBJECT || code === OPEN_LIST) {
      depth += 1;
      if (depth > deepest) deepest = depth;
      if (depth > depthMax) break;
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) depth -= 1;
    else if (code === MINUS || isDigit(code)) {
      const end = numberEnd(text, i);
      if (mayBeInexact(text, i, end) && !isExactNumber(text.slice(i, end))) {
        if (isInteger(text, i, end)) inexactIntegers = true;
        else inexactDecimals = true;
      }
      i = end - 1;
    }
  }
  return { depth: deepest, members, inexact_integers: inexactIntegers, inexact_decimals: inexactDecimals };
}

/** The index of the closing quote of the string that opens at `start`, or the end of the text. */
function stringEnd(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end === -1 ? text.length : end;
}

function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text.charCodeAt(first - 1) === BACKSLASH) first -= 1;
  return (at - first) % 2 === 1;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function numberEnd(text: string, start: number): number {
  let end = start + 1;
  while (end < text.length && isNumberPart(text.charCodeAt(end))) end += 1;
  return end;
}

/** Digits, and `.`, `+`, `-`, `e`, `E`. */
function isNumberPart(code: number): boolean {
  return isDigit(code) || code === 0x2e || code === 0x2b || code === MINUS || code === 0x65 || code === 0x45;
}

/** True if a number's token has neither a point nor an exponent. */
export function isInteger(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i);
    if (!isDigit(code) && code !== MINUS) return false;
  }
  return true;
}

/**
 * The spans of the elements of a JSON array, without surrounding white space; null if the text is not a bracketed list.
 * The content of an element is checked later, when the element is parsed.
 */
export function splitJsonArray(text: string): [start: number, end: number][] | null {
  const spans: [number, number][] = [];
  let start = text.indexOf('[') + 1;
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = stringEnd(text, i);
    else if (code === OPEN_OBJECT || code === OPEN_LIST) depth += 1;
    else if (depth > 0 && (code === CLOSE_OBJECT || code === CLOSE_LIST)) depth -= 1;
    else if (code === CLOSE_OBJECT) return null;
    else if (depth === 0 && (code === COMMA || code === CLOSE_LIST)) {
      const span = trimmed(text, start, i);
      if (code === CLOSE_LIST) return closeList(text, spans, { span, end: i });
      if (span === null) return null;
      spans.push(span);
      start = i + 1;
    }
  }
  return null;
}

function closeList(
  text: string,
  spans: [number, number][],
  last: { span: [number, number] | null; end: number },
): [number, number][] | null {
  if (trimmed(text, last.end + 1, text.length) !== null) return null;
  if (last.span !== null) spans.push(last.span);
  else if (spans.length > 0) return null;
  return spans;
}

function trimmed(text: string, from: number, to: number): [number, number] | null {
  let start = from;
  let end = to;
  while (start < end && isSpace(text.charCodeAt(start))) start += 1;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return start === end ? null : [start, end];
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

/** The exact text of a top-level member's value in a JSON object; null if absent. The text must have been parsed before. */
export function memberText(text: string, name: string): string | null {
  let depth = 0;
  let keyStart = -1;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      if (depth === 1 && keyStart === -1) keyStart = i;
      i = stringEnd(text, i);
    } else if (code === COLON && depth === 1) {
      const end = valueEnd(text, i + 1);
      const span = trimmed(text, i + 1, end);
      if (span !== null && JSON.parse(text.slice(keyStart, text.lastIndexOf('"', i) + 1)) === name)
        return text.slice(...span);
      keyStart = -1;
      i = end - 1;
    } else if (code === OPEN_OBJECT) depth += 1;
  }
  return null;
}

/** A member of an object as written. */
export interface MemberText {
  readonly name: string;
  /** With its quotes. */
  readonly key: string;
  readonly value: string;
}

/** The top-level members of a JSON object, in order. The text must have been parsed before. */
export function membersOf(text: string): MemberText[] {
  const members: MemberText[] = [];
  let keyStart = -1;
  for (let i = text.indexOf('{') + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      keyStart = i;
      i = stringEnd(text, i);
    } else if (code === COLON) {
      const end = valueEnd(text, i + 1);
      const key = text.slice(keyStart, text.lastIndexOf('"', i) + 1);
      members.push({ name: JSON.parse(key), key, value: text.slice(...(trimmed(text, i + 1, end) ?? [i, i])) });
      i = end - 1;
    }
  }
  return members;
}

/** The text of an object without some of its members, which keep their digits and their order. */
export function withoutMembers(members: readonly MemberText[], names: ReadonlySet<string>): string {
  const kept = members.filter(({ name }) => !names.has(name));
  return `{${kept.map(({ key, value }) => `${key}:${value}`).join(',')}}`;
}

/** A word outside strings that other languages write but JSON does not allow, such as `NaN`; null if there is none. */
export function bareWord(text: string): { readonly word: string; readonly at: number } | null {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) === QUOTE) {
      i = stringEnd(text, i);
      continue;
    }
    let end = i;
    while (isLetter(text.charCodeAt(end))) end += 1;
    const word = text.slice(i, end);
    if (BARE_WORDS.has(word)) return { word, at: i };
    if (end > i) i = end - 1;
  }
  return null;
}

const BARE_WORDS: ReadonlySet<string> = new Set(['NaN', 'Infinity', 'None', 'True', 'False', 'undefined']);

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

/** The index of the comma or brace that ends the value which starts at `start`. */
function valueEnd(text: string, start: number): number {
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = stringEnd(text, i);
    else if (code === OPEN_OBJECT || code === OPEN_LIST) depth += 1;
    else if (code === CLOSE_OBJECT || code === CLOSE_LIST) {
      if (depth === 0) return i;
      depth -= 1;
    } else if (code === COMMA && depth === 0) return i;
  }
  return text.length;
}
