import type { Anchor, Leaf } from './anchors.ts';

/** The span of a line in the text of a pack. */
export type LineSpan = readonly [start: number, end: number];

/** Begins the mapping in an envelope: inside the received text, quotes are escaped. */
const MAPPED = '"mapping":{';

/** A backslash of the received text is written as two in the envelope. */
const ESCAPED_LOW = String.raw`\\u00`;

/**
 * Finds the lines of a pack that pass an anchor, in order. `text` has one character per byte, since an anchor is ASCII; a text
 * without line break at its end has one more line. Lines that a mapping read always pass: it may decode text that the line has
 * in another form, such as base64.
 */
export function candidateLines(text: string, anchor: Anchor | null): LineSpan[] {
  if (anchor === null) return allLines(text);
  const found = new Map<number, number>();
  for (const needle of anchor.needles) addHits(found, text, { needle, isHit: () => true });
  for (const { name, value } of anchor.leaves) {
    const needle = `${name}${String.raw`\"`}`;
    addHits(found, text, { needle, isHit: (end) => isFollowedBy(text, end, VALUES[value]) });
  }
  addHits(found, text, { needle: MAPPED, isHit: () => true });
  addHits(found, text, { needle: ESCAPED_LOW, isHit: (end) => isPrintable(text.charAt(end)) });
  return [...found].sort(([a], [b]) => a - b);
}

function allLines(text: string): LineSpan[] {
  const lines: LineSpan[] = [];
  for (let start = 0; start < text.length; ) {
    const end = lineEnd(text, start);
    lines.push([start, end]);
    start = end + 1;
  }
  return lines;
}

interface Search {
  readonly needle: string;
  /** Checks what follows the needle. */
  isHit(end: number): boolean;
}

/** Adds the lines with a hit. After a hit the search continues in the next line. */
function addHits(found: Map<number, number>, text: string, { needle, isHit }: Search): void {
  let from = 0;
  for (;;) {
    const at = text.indexOf(needle, from);
    if (at === -1) return;
    from = at + 1;
    if (!isHit(at + needle.length)) continue;
    const start = text.lastIndexOf('\n', at) + 1;
    const end = lineEnd(text, at);
    found.set(start, end);
    from = end;
  }
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end === -1 ? text.length : end;
}

/** The first digit of the code of an ASCII character that is not a control character. */
function isPrintable(digit: string): boolean {
  return digit >= '2' && digit <= '7';
}

/** White space of the received text inside an envelope, and the colon after a name. */
const GAP = /(?:[ :]|\\[ntr])*/y;
const VALUES: Readonly<Record<Leaf['value'], RegExp>> = {
  true: /true/y,
  false: /false/y,
  null: /null/y,
  exponent: /-?[0-9.]+[eE]/y,
};

/** True if a value follows the name of a member that ends here. */
function isFollowedBy(text: string, end: number, value: RegExp): boolean {
  GAP.lastIndex = end;
  GAP.exec(text);
  value.lastIndex = GAP.lastIndex;
  return value.test(text);
}

/** The place at which a line starts, counted from 0; the end of the text if it has fewer lines. */
export function lineStart(text: string, line: number): number {
  let start = 0;
  for (let i = 0; i < line; i++) {
    const end = text.indexOf('\n', start);
    if (end === -1) return text.length;
    start = end + 1;
  }
  return start;
}
