import { ERRORS, type IngestResult, KitError } from '@pik/schema';
import type { RecordOutcome, RecordSender } from '@pik/sdk';

import type { Entry } from './batches.ts';
import type { RecordFault } from './key-field.ts';

/**
 * The outcome of a record: the backend's result, the reason why it was not sent, or the error that leaves its outcome
 * unknown.
 */
export type EntryOutcome = IngestResult | NotTaken | KitError;

/** A record that does not hold up others: it was not sent, or it alone failed. */
export interface NotTaken extends RecordFault {
  readonly status: 'NOT_SENT' | 'UNDELIVERED';
}

/** Milliseconds of retries for a part of a batch that failed as a whole. */
const PART_DEADLINE_MS = 5_000;
/** After this many single records in a row fail, the backend counts as failing. */
const FAILING_RECORDS_MAX = 3;

/**
 * Sends a batch and returns one outcome per entry, in order. If the whole batch fails for a reason that may lie in one
 * record, sends its halves separately, and so on: one bad record stops no other.
 */
export async function sendBatch(
  sender: RecordSender,
  entries: readonly Entry[],
  options: { deadlineMs: number; firstPlace: number },
): Promise<EntryOutcome[]> {
  const bodies: Uint8Array[] = [];
  for (const { sent } of entries) if ('bytes' in sent) bodies.push(sent.bytes);
  const outcomes: PartOutcome[] = bodies.length === 0 ? [] : await sender.send(bodies, options);
  if (outcomes.length > 1 && outcomes.every(mayBeOneRecord))
    await isolate(sender, { bodies, firstPlace: options.firstPlace }, outcomes);
  let next = 0;
  return entries.map(({ sent }) => ('bytes' in sent ? ofRecord(outcomes[next++]) : { status: 'NOT_SENT', ...sent }));
}

type PartOutcome = RecordOutcome | NotTaken;

function ofRecord(outcome: PartOutcome | undefined): EntryOutcome {
  if (outcome === undefined) throw new KitError('INTERNAL', 'a record was left without an outcome');
  if (!KitError.is(outcome) || outcome.code !== 'EVENT_TOO_LARGE') return outcome;
  return { status: 'NOT_SENT', code: outcome.code, detail: outcome.message };
}

/** True if the backend is reachable and accepts the key, but cannot answer this record. */
function mayBeOneRecord(outcome: PartOutcome): outcome is KitError {
  if (!KitError.is(outcome) || outcome.code === 'EVENT_TOO_LARGE') return false;
  const { status } = ERRORS[outcome.code];
  return status === 400 || status === 422 || status === 500;
}

async function isolate(
  sender: RecordSender,
  { bodies, firstPlace }: { bodies: readonly Uint8Array[]; firstPlace: number },
  outcomes: PartOutcome[],
): Promise<void> {
  const middle = Math.ceil(bodies.length / 2);
  const parts: (readonly [start: number, end: number])[] = [
    [0, middle],
    [middle, bodies.length],
  ];
  let failing = 0;
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    const [start, end] = part;
    const found: PartOutcome[] = await sender.send(bodies.slice(start, end), {
      deadlineMs: PART_DEADLINE_MS,
      firstPlace: firstPlace + start,
    });
    const [first] = found;
    if (first !== undefined && mayBeOneRecord(first) && found.every(mayBeOneRecord)) {
      const half = Math.ceil((start + end) / 2);
      if (end - start > 1) parts.unshift([start, half], [half, end]);
      else if (++failing >= FAILING_RECORDS_MAX) return;
      else outcomes[start] = alone(first);
      continue;
    }
    failing = 0;
    for (const [i, outcome] of found.entries()) outcomes[start + i] = outcome;
    // The connection to the backend is broken: the other records would fail too.
    if (found.some((outcome) => KitError.is(outcome) && outcome.code !== 'EVENT_TOO_LARGE')) return;
  }
}

function alone({ code, message }: KitError): NotTaken {
  return { status: 'UNDELIVERED', code, detail: message };
}
