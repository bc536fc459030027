import type { Envelope } from '@pik/schema';

import type { Anchor } from '../search/rules/anchors.ts';
import { candidateLines, type LineSpan } from '../search/rules/candidate-lines.ts';
import type { NamedValue } from '../search/rules/named-value.ts';
import { factsOf, type ReceiptFacts } from '../search/rules/receipt-facts.ts';

/** How the lines are found that an expression can match. */
export interface LineFilter {
  readonly anchor: Anchor | null;
  /** A value that each match has in a field of its envelope; null if there is none. */
  readonly named: NamedValue | null;
}

/** The lines of a pack, for many listeners: each line is parsed once, and the values of a field are found once. */
export interface PackLines {
  /** The lines that can match, in order. */
  candidates(filter: LineFilter): readonly LineSpan[];
  facts(line: LineSpan, withDigits: boolean): ReceiptFacts;
}

/** Prepares the lines of a pack. `outcomes` has a letter per line; null without a PACK row. */
export function createPackLines(bytes: Buffer, outcomes: string | null): PackLines {
  // One character per byte.
  const text = bytes.toString('latin1');
  const parsed = new Map<number, ReceiptFacts>();
  const fields = new Map<NamedValue['field'], FieldLines>();
  return {
    candidates({ anchor, named }) {
      if (named === null) return candidateLines(text, anchor);
      const lines = fields.get(named.field) ?? fieldLines(text, named.field);
      fields.set(named.field, lines);
      const found = lines.byValue.get(rawText(named.value)) ?? [];
      return lines.others.length === 0 ? found : [...found, ...lines.others].sort(([a], [b]) => a - b);
    },
    facts([start, end], withDigits) {
      // A negative key, since a place is a key of its own with and without digits.
      const key = withDigits ? -start - 1 : start;
      const known = parsed.get(key);
      if (known !== undefined) return known;
      const envelope = JSON.parse(bytes.toString('utf8', start, end)) as Envelope;
      const facts = factsOf(envelope, { outcomes, withDigits });
      parsed.set(key, facts);
      return facts;
    },
  };
}

interface FieldLines {
  /** By the text of the value in the line. */
  readonly byValue: ReadonlyMap<string, readonly LineSpan[]>;
  /** Lines whose value is not there as text, such as those of rejected receipts, or has an escaped quote or backslash. */
  readonly others: readonly LineSpan[];
}

const BACKSLASH = 0x5c;

/**
 * The lines of a pack by the value of a field. An envelope has the field before its received text, and inside a text quotes are
 * escaped, so the first `"field":"` of a line is the field of the envelope. Lines that a mapping read may have others before it.
 */
function fieldLines(text: string, field: NamedValue['field']): FieldLines {
  const byValue = new Map<string, LineSpan[]>();
  const others: LineSpan[] = [];
  const name = `"${field}":"`;
  const mapped = new Set(candidateLines(text, NOTHING).map(([start]) => start));
  let at = text.indexOf(name);
  for (const line of candidateLines(text, null)) {
    if (at !== -1 && at < line[0]) at = text.indexOf(name, line[0]);
    const isThere = at !== -1 && at < line[1] && !mapped.has(line[0]);
    const value = isThere ? valueAt(text, at + name.length, line[1]) : null;
    if (value === null) others.push(line);
    else {
      const lines = byValue.get(value);
      if (lines === undefined) byValue.set(value, [line]);
      else lines.push(line);
    }
  }
  return { byValue, others };
}

/** An anchor that only lines pass which every anchor lets pass. */
const NOTHING: Anchor = { needles: [], leaves: [] };

function valueAt(text: string, from: number, end: number): string | null {
  const to = text.indexOf('"', from);
  return to === -1 || to > end || text.charCodeAt(to - 1) === BACKSLASH ? null : text.slice(from, to);
}

/** A value as it stands in the text of a pack, which has one character per byte. */
function rawText(value: string): string {
  return Buffer.from(JSON.stringify(value).slice(1, -1)).toString('latin1');
}
