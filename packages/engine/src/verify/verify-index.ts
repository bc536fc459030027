import { FAILURES_AND_WARNINGS, type Page } from '../ports/queries.ts';
import type { FailureKind, PackRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { isPast } from '../storage/pack-store.ts';
import { outcomeAt, type VerifyFault, verifyFault } from './rules/verify.ts';
import { type IndexPlace, NOTHING_COUNTED, type VerifyPart, type VerifyPlace } from './verify-part.ts';

/** The claim of an index row: its receipt, and the outcomes that the receipt may have. */
interface Claim {
  readonly pack_id: string;
  /** Null for a row that represents a pack. */
  readonly line: number | null;
  readonly event_id: string | null;
  readonly outcomes: readonly string[];
  readonly what: string;
}

const TABLES: readonly IndexPlace['table'][] = ['addresses', 'failures', 'slices'];
const EVER_MS = 2 ** 47;
const EVER_DAYS = 4_000_000;
/** PACK rows read at the same time. */
const PACKS_AT_ONCE = 32;

/** Compares a page of the index's rows with the packs that they name. This finds rows that were planted or moved. */
export async function verifyIndex(context: Context, place: VerifyPlace): Promise<VerifyPart> {
  const { table, cursor } = place.index ?? { table: 'addresses', cursor: null };
  const page = await claims(context, table, cursor);
  const packs = await packsOf(context, page.items);
  const faults: VerifyFault[] = [];
  for (const claim of page.items) {
    const pack = packs.get(claim.pack_id) ?? null;
    // A row may outlive the PACK row of its receipt, such as that of a later failure.
    const fault = pack === null && isPast(context, claim.pack_id) ? null : claimFault(claim, pack);
    if (fault !== null && !(await isOfMovedEvent(context, claim, pack))) faults.push(fault);
  }
  const next = nextPlace(table, page.next);
  const { digest } = place;
  return {
    part: `index ${table}`,
    ...NOTHING_COUNTED,
    faults,
    digest,
    next: next === null ? null : { digest, index: next },
  };
}

/** Reads the PACK rows that claims name, each once. */
async function packsOf(context: Context, claims: readonly Claim[]): Promise<Map<string, PackRow | null>> {
  const ids = [...new Set(claims.map(({ pack_id }) => pack_id))];
  const found = new Map<string, PackRow | null>();
  for (let start = 0; start < ids.length; start += PACKS_AT_ONCE) {
    const some = ids.slice(start, start + PACKS_AT_ONCE);
    const rows = await Promise.all(some.map((id) => context.backend.index.getPack(id)));
    for (const [i, id] of some.entries()) found.set(id, rows[i] ?? null);
  }
  return found;
}

function nextPlace(table: IndexPlace['table'], cursor: string | null): IndexPlace | null {
  if (cursor !== null) return { table, cursor };
  const following = TABLES[TABLES.indexOf(table) + 1];
  return following === undefined ? null : { table: following, cursor: null };
}

function claimFault(claim: Claim, pack: PackRow | null): VerifyFault | null {
  const place = {
    pack_id: claim.pack_id,
    ...(claim.line === null ? {} : { line: claim.line }),
    ...(claim.event_id === null ? {} : { event_id: claim.event_id }),
  };
  if (pack === null)
    return verifyFault('ROW_WITHOUT_PACK', `${claim.what} names a pack without a PACK row in the index.`, place);
  if (claim.line === null || claim.outcomes.includes(outcomeAt(pack, claim.line) ?? '')) return null;
  return verifyFault('ROW_UNEXPECTED', `${claim.what} names a receipt that has another outcome.`, place);
}

/** The outcomes that a receipt named by a failure or warning may have. */
const OUTCOMES_OF: Readonly<Record<FailureKind, readonly string[]>> = {
  REJECT: ['REJECTED'],
  CONFLICT: ['CONFLICT'],
  PROCESSING: ['ACCEPTED'],
  WARNING: ['ACCEPTED', 'DUPLICATE', 'CONFLICT'],
};

async function claims(
  { backend: { index } }: Context,
  table: IndexPlace['table'],
  cursor: string | null,
): Promise<Page<Claim>> {
  if (table === 'addresses') {
    return mapPage(await index.listAddresses(cursor), ({ kind, answered, ...at }) => {
      return { ...at, outcomes: [answered], what: kind === 'EVENT' ? 'An EVENT row' : 'A DELIVERY row' };
    });
  }
  if (table === 'failures') {
    return mapPage(
      await index.listFailures({ fromMs: -EVER_MS, toMs: EVER_MS, kinds: FAILURES_AND_WARNINGS, limit: 1_000, cursor }),
      ({ kind, ...at }) => ({
        ...at,
        outcomes: OUTCOMES_OF[kind],
        what: `A ${kind} row`,
      }),
    );
  }
  const query = { fromDay: -EVER_DAYS, toDay: EVER_DAYS, withEntries: false, cursor };
  return mapPage(await index.listSlices(query), ({ pack_id }) => ({
    pack_id,
    line: null,
    event_id: null,
    outcomes: [],
    what: 'A SLICE row',
  }));
}

/**
 * A failure has the receipt's outcome relative to the first receipt, a PACK row the answered one. If an import came in
 * between, the two may differ.
 */
async function isOfMovedEvent(
  context: Context,
  { what, event_id, line }: Claim,
  pack: PackRow | null,
): Promise<boolean> {
  if (pack === null || line === null || event_id === null || !FAILURES_OF_EVENTS.includes(what)) return false;
  if (!INDEXED.includes(outcomeAt(pack, line) ?? '')) return false;
  const first = pack.imported ? null : await context.backend.index.getEvent(event_id);
  return pack.imported || (first !== null && first.answered !== 'ACCEPTED');
}

const FAILURES_OF_EVENTS = ['A CONFLICT row', 'A PROCESSING row'];
const INDEXED = ['ACCEPTED', 'DUPLICATE', 'CONFLICT'];

function mapPage<T, U>(page: Page<T>, convert: (item: T) => U): Page<U> {
  return { items: page.items.map(convert), next: page.next };
}
