import type { KeptPack, ReceiptNames } from '../runtime/announcements.ts';
import type { Anchor } from '../search/rules/anchors.ts';
import { candidateLines, type LineSpan } from '../search/rules/candidate-lines.ts';
import type { NamedValue } from '../search/rules/named-value.ts';
import { factsOf, type ReceiptFacts } from '../search/rules/receipt-facts.ts';
import { decodeLine } from '../storage/rules/pack-codec.ts';

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
  /** The facts of a receipt; null if it was erased. */
  facts(line: LineSpan, withDigits: boolean): ReceiptFacts | null;
}

/** A pack as it was kept, or as the log has it, without the names of its receipts. */
export type PackToRead = Pick<KeptPack, 'text'> & { readonly names: KeptPack['names'] | null };

/** Prepares the lines of a pack. `outcomes` has a letter per line; null without a PACK row. */
export function createPackLines({ text: bytes, names }: PackToRead, outcomes: string | null): PackLines {
  // One character per byte. Listeners who name a value do not need it.
  let text: string | null = null;
  let spans: readonly LineSpan[] | null = null;
  const parsed = new Map<number, ReceiptFacts | null>();
  const fields = new Map<NamedValue['field'], FieldLines>();
  return {
    candidates({ anchor, named }) {
      if (named !== null && names !== null) {
        const lines = fields.get(named.field) ?? fieldLines(names, named.field);
        fields.set(named.field, lines);
        const found = lines.byValue.get(named.value) ?? [];
        if (found.length + lines.others.length === 0) return [];
        spans ??= lineSpans(bytes);
        return spansOf(spans, lines.others.length === 0 ? found : [...found, ...lines.others].sort((a, b) => a - b));
      }
      text ??= bytes.toString('latin1');
      return candidateLines(text, anchor);
    },
    facts([start, end], withDigits) {
      // A negative key, since a place is a key of its own with and without digits.
      const key = withDigits ? -start - 1 : start;
      const known = parsed.get(key);
      if (known !== undefined) return known;
      const envelope = decodeLine(bytes.toString('utf8', start, end));
      const facts = envelope.erased === undefined ? factsOf(envelope, { outcomes, withDigits }) : null;
      parsed.set(key, facts);
      return facts;
    },
  };
}

interface FieldLines {
  readonly byValue: ReadonlyMap<string, readonly number[]>;
  /** Lines whose envelope has no value, such as those of rejected receipts: the record in them may have one. */
  readonly others: readonly number[];
}

/** The lines of a pack by the value of a field. */
function fieldLines(names: readonly ReceiptNames[], field: NamedValue['field']): FieldLines {
  const byValue = new Map<string, number[]>();
  const others: number[] = [];
  for (const [line, name] of names.entries()) {
    const value = field === 'entity_id' ? (name.event?.entity_id ?? null) : name[field];
    if (value === null) {
      others.push(line);
      continue;
    }
    const lines = byValue.get(value);
    if (lines === undefined) byValue.set(value, [line]);
    else lines.push(line);
  }
  return { byValue, others };
}

const LINE_BREAK = 0x0a;

function lineSpans(bytes: Buffer): LineSpan[] {
  const spans: LineSpan[] = [];
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(LINE_BREAK, start);
    const end = found === -1 ? bytes.length : found;
    spans.push([start, end]);
    start = end + 1;
  }
  return spans;
}

function spansOf(spans: readonly LineSpan[], lines: readonly number[]): LineSpan[] {
  return lines.flatMap((line) => {
    const span = spans[line];
    return span === undefined ? [] : [span];
  });
}
