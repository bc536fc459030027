/** A part of the text of an expression. */
export interface Token {
  /** `word`: a bare word, such as a name or a number. `text`: quoted. `mark`: an operator or a bracket. `end`: after the last. */
  readonly kind: 'word' | 'text' | 'mark' | 'end';
  /** The word, the text between the quotes, or the mark. */
  readonly text: string;
  /** Its place in the expression, in characters from 0. */
  readonly at: number;
  /** True if no space lies between it and the token before it. */
  readonly isAdjacent: boolean;
}

/** The place and the reason of a fault in an expression. */
export class ExpressionFault extends Error {
  readonly at: number;

  constructor(at: number, reason: string) {
    super(reason);
    this.at = at;
  }
}

const MARKS = ['&&', '||', '==', '!=', '<=', '>=', '=', '<', '>', '!', '(', ')', '[', ']', ','];
const SPECIAL = new Set(' \t\r\n()[],!=<>"\'&|');

/** Splits an expression in one pass. Throws `ExpressionFault`. */
export function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let isAdjacent = false;
  while (at < source.length) {
    if (/\s/.test(source.charAt(at))) {
      at += 1;
      isAdjacent = false;
      continue;
    }
    const read = readToken(source, at);
    tokens.push({ ...read.token, at, isAdjacent });
    at = read.end;
    isAdjacent = true;
  }
  tokens.push({ kind: 'end', text: '', at: source.length, isAdjacent: false });
  return tokens;
}

interface Read {
  readonly token: Pick<Token, 'kind' | 'text'>;
  readonly end: number;
}

function readToken(source: string, at: number): Read {
  const char = source.charAt(at);
  if (char === '"' || char === "'") return readText(source, at);
  const mark = MARKS.find((one) => source.startsWith(one, at));
  if (mark !== undefined) return { token: { kind: 'mark', text: mark }, end: at + mark.length };
  if (SPECIAL.has(char)) throw new ExpressionFault(at, `${JSON.stringify(char)} has no meaning here; write && or ||`);
  let end = at;
  while (end < source.length && !SPECIAL.has(source.charAt(end))) end += 1;
  return { token: { kind: 'word', text: source.slice(at, end) }, end };
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** Reads a quoted text with the escapes of JSON. */
function readText(source: string, start: number): Read {
  const quote = source.charAt(start);
  let text = '';
  for (let at = start + 1; at < source.length; at++) {
    const char = source.charAt(at);
    if (char === quote) return { token: { kind: 'text', text }, end: at + 1 };
    if (char !== '\\') {
      text += char;
      continue;
    }
    const { char: escaped, length } = readEscape(source, at);
    text += escaped;
    at += length;
  }
  throw new ExpressionFault(start, 'the text has no closing quote');
}

function readEscape(source: string, at: number): { char: string; length: number } {
  const letter = source.charAt(at + 1);
  const plain = ESCAPES[letter];
  if (plain !== undefined) return { char: plain, length: 1 };
  const hex = source.slice(at + 2, at + 6);
  if (letter === 'u' && /^[0-9a-fA-F]{4}$/.test(hex))
    return { char: String.fromCharCode(Number.parseInt(hex, 16)), length: 5 };
  throw new ExpressionFault(at, 'the backslash starts none of the escapes of JSON');
}
