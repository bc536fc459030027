import { MS_PER_DAY, MS_PER_HOUR } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { sliceOfEntries } from '../../../ingest/rules/slices.ts';
import type { SliceRow } from '../../../ports/rows.ts';
import { compareNames } from '../../rules/groups.ts';
import type { ReportScope } from '../../rules/report-scope.ts';
import { addReceipts, createDuplicatesTallies, duplicatesFigures, nextWalk, walksNeeded } from './duplicates-report.ts';

// The figures of a duplicates report, compared with lists of the receipts in its scope, however many walks they take.

const START = Date.UTC(2026, 2, 28, 22);

const timeMs = fc
  .tuple(fc.nat(8), fc.constantFrom(0, 1, 900_000))
  .map(([hours, more]) => START + hours * MS_PER_HOUR + more);
const receipt = fc.record({
  entity: fc.nat(5),
  event: fc.nat(3),
  event_ms: timeMs,
  received_ms: timeMs,
  outcome: fc.constantFrom('ACCEPTED' as const, 'DUPLICATE' as const, 'DUPLICATE' as const, 'CONFLICT' as const),
  delay: fc.option(fc.nat(900)),
});
const pack = fc.record({
  source: fc.constantFrom('a', 'b'),
  imported: fc.nat(3).map((n) => n === 0),
  receipts: fc.array(receipt, { minLength: 1, maxLength: 8 }),
});
type Pack = typeof pack extends fc.Arbitrary<infer T> ? T : never;

/** Ids of one entity share their first bytes, and those of one event are equal. */
const idOf = (entity: number, event: number) => `${entity}${'0'.repeat(20)}${event}${'0'.repeat(25)}`;

function slicesOf({ source, imported, receipts }: Pack, no: number): SliceRow[] {
  const entries = receipts.map(({ entity, event, delay, ...one }, line) => ({
    ...{ ...one, line, event_id: idOf(entity, event), event_sub_ns: 0, payload_hash: '0'.repeat(64), sent_ms: null },
    first_received_ms: one.outcome === 'ACCEPTED' || delay === null ? null : one.received_ms - delay,
  }));
  const pack_id = `019b0000-0000-7000-8000-${no.toString(16).padStart(12, '0')}`;
  const common = { pack_id, source, event_type: 't', imported, expires_ms: Number.POSITIVE_INFINITY };
  const days = Map.groupBy(entries, ({ event_ms }) => Math.floor(event_ms / MS_PER_DAY));
  return [...days].map(([event_day, list]) => sliceOfEntries(list, { ...common, event_day }));
}

const scope: fc.Arbitrary<ReportScope> = fc.record({
  start_time: fc.oneof(timeMs, fc.constant(0)),
  end_time: fc.oneof(timeMs, fc.constant(1e15)),
  asOfMs: fc.oneof(timeMs, fc.constant(1e15)),
  basis: fc.constantFrom('event' as const, 'received' as const),
  by: fc.constantFrom<ReportScope['by']>([], ['source'], ['hour'], ['source', 'event_type']),
  includeImported: fc.boolean(),
});

interface Counted {
  readonly name: object;
  readonly receipt: Pack['receipts'][number];
}

/** The receipts of a scope, each with the name of its group. */
function counted(
  packs: readonly Pack[],
  { start_time, end_time, asOfMs, basis, by, includeImported }: ReportScope,
): Counted[] {
  return packs.flatMap(({ source, imported, receipts }) =>
    receipts.flatMap((receipt) => {
      const ms = basis === 'event' ? receipt.event_ms : receipt.received_ms;
      const isOut = (imported && !includeImported) || ms < start_time || ms >= end_time || receipt.received_ms > asOfMs;
      const hour = `${new Date(Math.floor(ms / MS_PER_HOUR) * MS_PER_HOUR).toISOString().slice(0, 16)}Z`;
      const names = { source, event_type: 't', hour };
      const name = Object.fromEntries(by.map((one) => [one, names[one as 'hour']]));
      return isOut ? [] : [{ name, receipt }];
    }),
  );
}

const rankOf = (sorted: readonly number[], q: number) => sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1] ?? null;

function figuresOf(all: readonly Counted[]) {
  const receipts = all.map(({ receipt }) => receipt);
  const count = (of: string) => receipts.filter(({ outcome }) => outcome === of).length;
  const repeats = count('DUPLICATE') + count('CONFLICT');
  const delays = receipts.flatMap(({ outcome, delay }) => (outcome === 'ACCEPTED' || delay === null ? [] : [delay]));
  delays.sort((a, b) => a - b);
  return {
    receipts: receipts.length,
    events: count('ACCEPTED'),
    duplicates: count('DUPLICATE'),
    conflicts: count('CONFLICT'),
    entities: new Set(receipts.map(({ entity }) => entity)).size,
    repeat_share: receipts.length === 0 ? 0 : repeats / receipts.length,
    delay_p50_ms: rankOf(delays, 0.5),
    delay_p95_ms: rankOf(delays, 0.95),
    delay_max_ms: rankOf(delays, 1),
  };
}

it('the figures are those of the receipts in the scope, in all and by group, at any memory limit', () => {
  const limits = fc.record({ heldMax: fc.integer({ min: 1, max: 30 }), heldPairsMax: fc.integer({ min: 1, max: 30 }) });
  fc.assert(
    fc.property(fc.array(pack, { maxLength: 6 }), scope, limits, (packs, asked, held) => {
      const tallies = createDuplicatesTallies(asked, { ...held, groupsMax: 100, topMax: 3 });
      const slices = packs.flatMap(slicesOf);
      let [walks, expectedWalks] = [0, 1];
      do {
        for (const slice of slices) addReceipts(tallies, slice);
        walks += 1;
        if (walks === 1) expectedWalks = walksNeeded(tallies);
      } while (nextWalk(tallies));
      if (expectedWalks === 1) expect(walks).toBe(1);
      const all = counted(packs, asked);
      const { total, groups, worst, worst_total } = duplicatesFigures(tallies);
      expect(total).toEqual(all.length === 0 ? null : figuresOf(all));
      const byName = [...Map.groupBy(all, ({ name }) => JSON.stringify(name))];
      const expected = byName.map(([name, own]) => ({ group: JSON.parse(name) as object, figures: figuresOf(own) }));
      const repeatsOf = ({ figures }: (typeof expected)[number]) => figures.duplicates + figures.conflicts;
      expected.sort((a, b) => repeatsOf(b) - repeatsOf(a) || compareNames(a.group, b.group));
      // A group that counts as a whole is there without any receipt that counts.
      expect(groups.filter(({ figures }) => figures.receipts > 0)).toEqual(expected);
      const repeated = all.filter(({ receipt: { outcome } }) => outcome !== 'ACCEPTED');
      const byEvent = Map.groupBy(repeated, ({ receipt: { entity, event } }) => idOf(entity, event));
      const ranked = [...byEvent].map(([id, own]) => ({ id, rank: own.length }));
      ranked.sort((a, b) => b.rank - a.rank || (a.id < b.id ? -1 : 1));
      expect(worst_total).toBe(ranked.length);
      expect(worst).toEqual(ranked.slice(0, 3));
    }),
    runs(300),
  );
});
