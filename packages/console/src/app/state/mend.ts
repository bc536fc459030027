import type { IngestResult, RejectedReceipt } from '@pik/schema';

import { type MendRule, mendedText } from '../rules/mend-rule.ts';
import type { Values } from './api.ts';
import { investigator } from './investigator.ts';

/** The outcomes of mended receipts; predicted ones in a dry run. */
export interface Mending {
  readonly found: number;
  /** New events. */
  readonly accepted: number;
  /** Their events are stored already. */
  readonly stored: number;
  /** Rejected again, in conflict, or beyond the rule. */
  readonly left: number;
  /** Why some are left, with their number. */
  readonly reasons: ReadonlyMap<string, number>;
  readonly examples: readonly Example[];
}

/** A record before and after its change. */
export interface Example {
  readonly pack_id: string;
  readonly line: number;
  readonly before: string;
  readonly after: string;
  readonly event_id: string | null;
}

/** Receipts of one request; with their texts they stay below its limits. */
const PART_RECEIPTS = 500;
const PART_CHARS = 400_000;
const EXAMPLES = 3;

interface MendOptions {
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  onProgress(mending: Mending): void;
}

interface Mended {
  readonly receipt: RejectedReceipt;
  readonly before: string;
  readonly after: string;
}

/**
 * Mends every rejected receipt of a selection and, unless it is a dry run, sends those again that the server would accept as new.
 * A second run therefore continues after an interrupted one. Needs the scope `ingest`. Throws KitError.
 */
export async function mendAll(selection: Values, rule: MendRule, options: MendOptions): Promise<Mending> {
  const { signal, onProgress } = options;
  const ask = investigator();
  const totals = new Totals();
  // A dry run stores nothing, so that the server cannot see repeats among the mended records.
  const tried = new Set<string>();
  const flush = async (part: readonly Mended[]) => {
    const predicted = await ask.reingest(part.map(sentOf), { dryRun: true, signal });
    const fresh: Mended[] = [];
    for (const [n, { result }] of predicted.results.entries()) {
      const one = part[n];
      if (one === undefined) continue;
      const isNew = result.status === 'ACCEPTED' && (result.event_id === null || !tried.has(result.event_id));
      if (result.event_id !== null) tried.add(result.event_id);
      if (isNew && !options.dryRun) fresh.push(one);
      else totals.add(one, isNew || result.status !== 'ACCEPTED' ? result : { ...result, status: 'DUPLICATE' });
    }
    if (fresh.length > 0) {
      const { results } = await ask.reingest(fresh.map(sentOf), { signal });
      // A repeat among new records was stored by an earlier attempt of the same call.
      for (const [n, { result }] of results.entries()) {
        const one = fresh[n];
        if (one !== undefined) totals.add(one, { ...result, status: asNew(result.status) });
      }
    }
    onProgress(totals.view);
  };
  let part: Mended[] = [];
  let chars = 0;
  for await (const receipt of ask.readRejectedReceipts(selection, { signal })) {
    const mended = mendedOf(receipt, rule);
    if ('why' in mended) totals.leave(mended.why);
    else {
      const size = mended.after.length;
      if (part.length === PART_RECEIPTS || chars + size > PART_CHARS) {
        await flush(part);
        [part, chars] = [[], 0];
      }
      part.push(mended);
      chars += size;
    }
  }
  if (part.length > 0) await flush(part);
  onProgress(totals.view);
  return totals.view;
}

const asNew = (status: IngestResult['status']) => (status === 'DUPLICATE' ? 'ACCEPTED' : status);

const sentOf = ({ receipt: { pack_id, line }, before, after }: Mended) =>
  before === after ? { pack_id, line } : { pack_id, line, body: after };

function mendedOf(receipt: RejectedReceipt, rule: MendRule): Mended | { readonly why: string } {
  if (receipt.imported) return { why: 'came through an import; pik reingest imports it again' };
  if (receipt.body === undefined) return { why: 'the received bytes are not UTF-8' };
  const mended = mendedText(receipt.body, rule);
  return 'why' in mended ? mended : { receipt, before: receipt.body, after: mended.text };
}

class Totals {
  #accepted = 0;
  #stored = 0;
  #left = 0;
  readonly #reasons = new Map<string, number>();
  readonly #examples: Example[] = [];

  add({ receipt: { pack_id, line }, before, after }: Mended, { status, event_id, code, path, detail }: IngestResult) {
    if (status === 'DUPLICATE') this.#stored += 1;
    else if (status === 'ACCEPTED' || status === 'PENDING') {
      this.#accepted += 1;
      if (this.#examples.length < EXAMPLES) this.#examples.push({ pack_id, line, before, after, event_id });
    } else
      this.leave(
        status === 'CONFLICT' ? 'another payload has this key' : [code, path, detail].filter(Boolean).join(' '),
      );
  }

  leave(why: string): void {
    this.#left += 1;
    this.#reasons.set(why, (this.#reasons.get(why) ?? 0) + 1);
  }

  get view(): Mending {
    const [accepted, stored, left] = [this.#accepted, this.#stored, this.#left];
    return {
      ...{ found: accepted + stored + left, accepted, stored, left },
      ...{ reasons: new Map(this.#reasons), examples: [...this.#examples] },
    };
  }
}
