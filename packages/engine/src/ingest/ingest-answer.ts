import { type IngestBatch, type IngestResult, packKey, type Status } from '@pik/schema';

import type { Verdict } from './rules/classify.ts';
import type { ReadRecord } from './rules/parse-record.ts';
import { verdictResult } from './rules/result.ts';

/** The place of the receipts of a request: its pack, and the line of its first receipt there. */
export interface StoredRequest {
  readonly packId: string;
  readonly firstLine: number;
  /** The verdicts on all lines of the pack. */
  readonly verdicts: readonly (Verdict | null)[];
}

/** The answer for the records of a request: their outcomes, in its order. */
export function storedAnswer(
  records: readonly ReadRecord[],
  { packId, firstLine, verdicts }: StoredRequest,
): IngestBatch {
  const rawKey = packKey(packId);
  const results = records.map((parsed, i) => {
    const line = firstLine + i;
    return verdictResult(parsed, verdicts[line] ?? null, { line, rawKey });
  });
  return { results, counts: countsOf(results) };
}

/** The answer of a dry run: the outcomes that the records would have. */
export function predictedAnswer(records: readonly ReadRecord[], verdicts: readonly (Verdict | null)[]): IngestBatch {
  const results = records.map((parsed, i) => verdictResult(parsed, verdicts[i] ?? null, { line: null, rawKey: null }));
  return { results, counts: countsOf(results) };
}

function countsOf(results: readonly IngestResult[]): IngestBatch['counts'] {
  const counts: Partial<Record<Status, number>> = {};
  for (const { status } of results) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
