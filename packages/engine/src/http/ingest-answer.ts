import { ERRORS, type ErrorCode, type IngestResult, type RouteName } from '@pik/schema';

import type { IngestAnswer } from '../api/pipeline.ts';
import { json } from './answer.ts';
import type { Answer, Call } from './call.ts';
import { problem } from './problem.ts';

/** The answer of an ingest: its results, or for a single record that was not admitted a problem. */
export function answerOf(
  { results, counts, single }: IngestAnswer,
  call: Pick<Call<RouteName>, 'notes' | 'requestId'>,
): Answer {
  const [only] = results;
  if (!single || only === undefined) return json({ results, counts });
  if (only.status === 'REJECTED' || only.status === 'PENDING') return refused(only, call);
  return json(only);
}

/** A single record has no list of results, so the status states its outcome; the answer still has the receipt's address. */
function refused(
  { status, code, detail, path, raw_key, line }: IngestResult,
  call: Pick<Call<RouteName>, 'notes' | 'requestId'>,
): Answer {
  const fallback: ErrorCode = status === 'PENDING' ? 'PENDING' : 'FIELD_INVALID';
  const known = code !== undefined && Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : fallback;
  call.notes.code = known;
  const address = raw_key === null || line === null ? {} : { raw_key, line };
  return problem({ code: known, detail, path, ...address }, { requestId: call.requestId });
}
