import { printable, tableText } from '@pik/render';
import { counted, type IngestResult } from '@pik/schema';

import type { Mended, Unmended } from './mended.ts';

/** Receipts listed per kind; all are counted. */
const EXAMPLES_MAX = 3;
const SHOWN_CHARS = 200;

interface Example {
  readonly receipt: string;
  readonly before: string;
  readonly after: string;
}

interface Refusal {
  readonly receipt: string;
  readonly code: string;
  readonly detail: string;
}

/** Outcomes of mended receipts, predicted ones in a dry run. */
export class MendTotals {
  found = 0;
  mended = 0;
  already_in = 0;
  conflicts = 0;
  still_refused = 0;
  left = 0;
  map_failed = 0;
  readonly examples: Example[] = [];
  readonly refused: Refusal[] = [];
  readonly #dryRun: boolean;

  constructor(dryRun: boolean) {
    this.#dryRun = dryRun;
  }

  addUnmended({ receipt, status, code, detail }: Unmended): void {
    if (status === 'LEFT') {
      this.left += 1;
      return;
    }
    if (status === 'REJECTED') this.still_refused += 1;
    else this.map_failed += 1;
    this.#refuse({ receipt: addressOf(receipt), code, detail });
  }

  add(mended: Mended, { status, event_id, code, path, detail }: IngestResult): void {
    const receipt = addressOf(mended.receipt);
    if (status === 'DUPLICATE') this.already_in += 1;
    else if (status === 'CONFLICT') {
      this.conflicts += 1;
      this.#refuse({ receipt, code: 'CONFLICT', detail: `${event_id} has the same key and another payload; not sent` });
    } else if (status === 'REJECTED') {
      this.still_refused += 1;
      this.#refuse({ receipt, code: code ?? '', detail: [path, detail].filter(Boolean).join(' ') });
    } else {
      this.mended += 1;
      const before = new TextDecoder().decode(mended.before);
      if (this.examples.length < EXAMPLES_MAX) this.examples.push({ receipt, before, after: mended.text ?? before });
    }
  }

  /** True if at least one receipt matched and all of them are stored now. */
  get isGood(): boolean {
    return this.found > 0 && this.mended + this.already_in === this.found;
  }

  json(): object {
    const { found, mended, already_in, conflicts, still_refused, left, map_failed, examples, refused } = this;
    return {
      dry_run: this.#dryRun,
      found,
      mended,
      already_in,
      conflicts,
      still_refused,
      left,
      map_failed,
      examples,
      refused,
    };
  }

  text(): string {
    if (this.found === 0) return 'No rejected receipt matches.';
    const rows: [string, number][] = [
      [this.#dryRun ? 'would be accepted' : 'accepted', this.mended],
      ['already stored', this.already_in],
      ['rejected again', this.still_refused],
      ['in conflict, not sent', this.conflicts],
      ['left unchanged', this.left],
      ['map failed', this.map_failed],
    ];
    const lines = [
      `${counted(this.found, 'rejected receipt')}${this.#dryRun ? '; nothing was sent' : ''}`,
      tableText(
        ['', 'receipts'],
        rows.filter(([, count], i) => count > 0 || i === 0 || i === 2),
      ),
    ];
    if (this.examples.length > 0) lines.push('first mended records:');
    for (const { receipt, before, after } of this.examples)
      lines.push(`  ${receipt}`, `    was ${shown(before)}`, `    now ${shown(after)}`);
    if (this.refused.length > 0)
      lines.push(
        'first receipts that were not mended:',
        tableText(
          ['receipt', 'code', 'why'],
          this.refused.map(({ receipt, code, detail }) => [receipt, code, printable(detail)]),
        ),
      );
    return lines.join('\n');
  }

  #refuse(refusal: Refusal): void {
    if (this.refused.length < EXAMPLES_MAX) this.refused.push(refusal);
  }
}

function addressOf({ pack_id, line }: { pack_id: string; line: number }): string {
  return `${pack_id}/${line}`;
}

function shown(text: string): string {
  return printable(text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS).toWellFormed()}…` : text);
}
