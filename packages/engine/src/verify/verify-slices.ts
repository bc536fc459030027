import { MS_PER_DAY } from '@pik/schema';

import type { Verdict } from '../ingest/rules/classify.ts';
import type { PackFacts } from '../ingest/rules/pack-facts.ts';
import type { ParsedRecord } from '../ingest/rules/parse-record.ts';
import { sequenceRows } from '../ingest/rules/sequences.ts';
import { sliceRows } from '../ingest/rules/slices.ts';
import type { EventRow, SequenceRow, SliceRow } from '../ports/rows.ts';
import { sliceKey } from '../reports/report-slices.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';
import { sameSlice, sameValue, type VerifyFault, verifyFault } from './rules/verify.ts';

/** Gathers the slices and sequences that packs require, then compares them with those in the index. */
export interface SliceCheck {
  expect(
    rows: readonly EventRow[],
    pack: {
      verdicts: readonly (Verdict | null)[];
      facts: PackFacts;
      arrivals: readonly ParsedRecord[];
      /** The lines of repeats of events whose retention may have ended: what their slices say of these is not known any more. */
      ended: ReadonlySet<number>;
    },
  ): void;
  finish(context: Context): Promise<VerifyFault[]>;
}

/** Creates the check for the packs of one call. It reads each day and series once for all of them. */
export function createSliceCheck(): SliceCheck {
  const slices = new Map<string, SliceRow>();
  const sequences: SequenceRow[] = [];
  const packs = new Set<string>();
  const unknown = new Set<string>();
  return {
    expect(rows, { verdicts, facts, arrivals, ended }) {
      packs.add(facts.pack_id);
      const decided = rows.filter(({ line }) => (verdicts[line] ?? null) !== null);
      for (const slice of sliceRows(decided, verdicts, facts)) slices.set(sliceKey(slice), slice);
      for (const row of rows)
        if (ended.has(row.line)) unknown.add(sliceKey({ ...row, event_day: Math.floor(row.event_ms / MS_PER_DAY) }));
      for (const one of sequenceRows(arrivals, facts)) sequences.push(one);
    },
    finish: async (context) => [
      ...(await sliceFaults(context, slices, { packs, unknown })),
      ...(await sequenceFaults(context, sequences)),
    ],
  };
}

async function sliceFaults(
  context: Context,
  expected: Map<string, SliceRow>,
  { packs, unknown }: { packs: ReadonlySet<string>; unknown: ReadonlySet<string> },
): Promise<VerifyFault[]> {
  const faults: VerifyFault[] = [];
  const series = new Map<string, SliceRow>();
  for (const slice of expected.values())
    series.set(JSON.stringify([slice.event_day, slice.source, slice.event_type]), slice);
  for (const { event_day, source, event_type } of series.values()) {
    const query = { fromDay: event_day, toDay: event_day + 1, source, event_type, withEntries: true };
    for await (const slice of readPages((cursor) => context.backend.index.listSlices({ ...query, cursor }))) {
      if (!packs.has(slice.pack_id)) continue;
      const wanted = expected.get(sliceKey(slice));
      expected.delete(sliceKey(slice));
      if (unknown.has(sliceKey(slice))) continue;
      if (wanted === undefined || !sameSlice(slice, wanted)) {
        faults.push(
          verifyFault('SLICE_DIFFERS', 'A slice differs from the one that its pack yields; reports may be wrong.', {
            pack_id: slice.pack_id,
          }),
        );
      }
    }
  }
  for (const slice of expected.values()) {
    faults.push(
      verifyFault('SLICE_MISSING', 'A slice of this pack is missing; reports leave it out.', {
        pack_id: slice.pack_id,
      }),
    );
  }
  return faults;
}

async function sequenceFaults(context: Context, expected: readonly SequenceRow[]): Promise<VerifyFault[]> {
  const faults: VerifyFault[] = [];
  for (const producer of new Set(expected.map(({ producer_id }) => producer_id))) {
    const found = new Map<string, SequenceRow>();
    for await (const row of readPages((cursor) => context.backend.index.listSequences(producer, cursor)))
      found.set(row.pack_id, row);
    for (const wanted of expected) {
      const row = found.get(wanted.pack_id);
      if (wanted.producer_id !== producer || (row !== undefined && sameValue(row, wanted))) continue;
      faults.push(
        verifyFault('SEQUENCE_DIFFERS', `The sequence numbers of producer ${producer} differ from those in the pack.`, {
          pack_id: wanted.pack_id,
        }),
      );
    }
  }
  return faults;
}
