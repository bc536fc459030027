import { at, LETTER_OUTCOMES, type OutcomeLetter, sha256Hex, type VerifyPage } from '@pik/schema';
import type { Verdict } from '../../ingest/rules/classify.ts';
import { isAt, nextFirst, repeatOutcome } from '../../ingest/rules/first-receipt.ts';
import type { ParsedRecord } from '../../ingest/rules/parse-record.ts';
import type { DeliveryRow, EventRow, FailureRow, NewSliceRow, PackRow, SliceRow } from '../../ports/rows.ts';
import { envelopeOf, type StoredEnvelope } from '../../storage/rules/pack-codec.ts';

/** A difference from what was written. */
export type VerifyFault = VerifyPage['faults'][number];

/** The address of a fault. */
export interface FaultPlace {
  readonly pack_id?: string;
  readonly line?: number;
  readonly event_id?: string;
}

/** Builds a fault; unknown fields of its address are null. */
export function verifyFault(code: string, text: string, place: FaultPlace): VerifyFault {
  return { code, text, pack_id: place.pack_id ?? null, line: place.line ?? null, event_id: place.event_id ?? null };
}

/** Extends the digest by one pack. It is chained by pack, so that it does not depend on how the walk is divided into calls. */
export function nextDigest(digest: string, pack: Pick<PackRow, 'pack_id' | 'sha256' | 'outcomes'>): string {
  return sha256Hex(`${digest}\n${pack.pack_id} ${pack.sha256} ${pack.outcomes}`);
}

/** The outcome of a line in a PACK row; undefined beyond its end. */
export function outcomeAt(pack: PackRow, line: number) {
  return LETTER_OUTCOMES[pack.outcomes[line] as OutcomeLetter] as (typeof LETTER_OUTCOMES)[OutcomeLetter] | undefined;
}

/** Finds envelopes that differ from what their own bytes yield. */
export function envelopeFaults(
  packId: string,
  envelopes: readonly StoredEnvelope[],
  arrivals: readonly ParsedRecord[],
): VerifyFault[] {
  const faults: VerifyFault[] = [];
  for (const [line, envelope] of envelopes.entries()) {
    if (envelope.erased !== undefined) continue;
    const head = {
      requestId: envelope.request_id,
      principal: envelope.principal,
      line,
      requestLine: envelope.request_line,
      toBase64: () => envelope.body_base64 ?? '',
      sequence: envelope.sequence ?? null,
    };
    if (!sameValue(envelope, envelopeOf(at(arrivals, line), head))) {
      faults.push(
        verifyFault('ENVELOPE_DIFFERS', 'The envelope does not match its bytes.', {
          pack_id: packId,
          line,
        }),
      );
    }
  }
  return faults;
}

/** The rows of the index for one line of a pack. */
export interface IndexedLine {
  /** The EVENT row under the line's event id. */
  readonly event: EventRow | null;
  readonly delivery: DeliveryRow | null;
  /** The event has the maximum number of stored deliveries, so a further one has no row. */
  readonly deliveriesFull: boolean;
  readonly failure: FailureRow | null;
}

/** Compares the rows of a line with those that its bytes and its recorded outcome require. */
export function lineFaults(
  line: {
    expected: EventRow | null;
    arrival: ParsedRecord;
    outcome: string | undefined;
    /** Whether rows end at some time. */
    hasRetention: boolean;
  },
  found: IndexedLine,
  place: Required<Pick<FaultPlace, 'pack_id' | 'line'>>,
): VerifyFault[] {
  const { expected, arrival, outcome } = line;
  if (arrival.erased !== undefined) return erasedFaults(arrival.erased, outcome, place);
  if (expected === null) return rejectFaults(arrival, outcome, { found, place });
  const at = { ...place, event_id: expected.event_id };
  if (outcome === undefined || outcome === 'REJECTED') {
    return [verifyFault('OUTCOME_DIFFERS', 'The PACK row calls a readable record rejected.', at)];
  }
  const { event } = found;
  if (event === null) {
    if (isOfEnded(outcome, event, line.hasRetention)) return [];
    const text =
      outcome === 'ACCEPTED'
        ? 'The index has no row of this accepted event.'
        : 'The index has no row of the event that this receipt repeats.';
    return [verifyFault('EVENT_MISSING', text, at)];
  }
  return isAt(expected, event)
    ? firstFaults(expected, outcome, { event, at })
    : repeatFaults(expected, outcome, { found: { ...found, event }, at });
}

function erasedFaults(erased: OutcomeLetter, outcome: string | undefined, place: FaultPlace): VerifyFault[] {
  return outcome === LETTER_OUTCOMES[erased]
    ? []
    : [verifyFault('OUTCOME_DIFFERS', 'The PACK row has another outcome of this erased receipt than its line.', place)];
}

/**
 * Whether a receipt may repeat an event whose retention has ended. The event's row ends before that of its repeats; if it was lost, its
 * own receipt has the fault.
 */
export function isOfEnded(outcome: string | undefined, event: EventRow | null, hasRetention: boolean): boolean {
  return hasRetention && event === null && outcome !== undefined && outcome !== 'ACCEPTED' && outcome !== 'REJECTED';
}

/** Faults of an event's first receipt: its row must match its bytes and the answered outcome. */
function firstFaults(
  expected: EventRow,
  outcome: string,
  { event, at }: { event: EventRow; at: FaultPlace },
): VerifyFault[] {
  const { answered, live } = event;
  // Imports from before ranks were introduced have no rank.
  const rank = event.rank === '' ? '' : expected.rank;
  const same = sameValue(event, { ...expected, rank, answered, live: live || expected.live });
  if (!same) return [verifyFault('EVENT_DIFFERS', 'The EVENT row differs from the one that these bytes yield.', at)];
  return outcome === answered
    ? []
    : [verifyFault('OUTCOME_DIFFERS', `The PACK row says ${outcome}, but the EVENT row says ${answered}.`, at)];
}

function rejectFaults(
  arrival: ParsedRecord,
  outcome: string | undefined,
  options: { found: IndexedLine; place: FaultPlace },
): VerifyFault[] {
  const { found, place } = options;
  if (outcome !== 'REJECTED')
    return [verifyFault('OUTCOME_DIFFERS', 'The PACK row does not call a broken record rejected.', place)];
  if (found.failure === null)
    return [verifyFault('REJECT_MISSING', 'The index has no row of this rejected receipt.', place)];
  const { code, path, detail } = found.failure;
  const same = code === arrival.fault?.code && path === arrival.fault.path && detail === arrival.fault.detail;
  return same
    ? []
    : [verifyFault('REJECT_DIFFERS', 'The REJECT row gives a reason that differs from that of the bytes.', place)];
}

/** Faults of a further receipt: it must come after the first, and its own row must have the answered outcome. */
function repeatFaults(
  expected: EventRow,
  outcome: string,
  { found, at }: { found: IndexedLine & { readonly event: EventRow }; at: FaultPlace },
): VerifyFault[] {
  const { event, delivery } = found;
  const wasFirst = outcome === 'ACCEPTED' && delivery?.answered !== 'ACCEPTED';
  if (wasFirst && !found.deliveriesFull)
    return [verifyFault('EVENT_DIFFERS', 'The EVENT row differs from the one that these bytes yield.', at)];
  if (nextFirst(expected, event) !== event)
    return [verifyFault('EVENT_DIFFERS', 'The EVENT row belongs to a receipt that comes after this one.', at)];
  const isOrdinary = expected.rank === null && event.rank === null && event.answered === 'ACCEPTED';
  const answered = isOrdinary ? repeatOutcome(expected, event) : (delivery?.answered ?? outcome);
  if (outcome !== answered) {
    return [verifyFault('OUTCOME_DIFFERS', `The receipt is called ${outcome}, but its payload shows otherwise.`, at)];
  }
  if (delivery === null) {
    return found.deliveriesFull
      ? []
      : [verifyFault('DELIVERY_MISSING', 'The index has no row of this further receipt.', at)];
  }
  const { event_ms, event_sub_ns, received_ms, sent_ms, payload_hash } = expected;
  const wanted = { event_ms, event_sub_ns, received_ms, sent_ms, payload_hash, answered };
  const differs = Object.entries(wanted).some(([name, value]) => delivery[name as keyof DeliveryRow] !== value);
  return differs
    ? [verifyFault('DELIVERY_DIFFERS', 'The DELIVERY row differs from the one that these bytes yield.', at)]
    : [];
}

/** The verdicts that the slices of a pack must contain, relative to the first receipts in the index. */
export function recordedVerdicts(pack: PackRow, events: readonly (EventRow | null)[]): (Verdict | null)[] {
  return events.map((first, line) => {
    const status = outcomeAt(pack, line);
    if (status === undefined || status === 'REJECTED') return null;
    const isFirst = first === null || isAt({ pack_id: pack.pack_id, line }, first);
    return { status, flags: 0, first, currentFirst: isFirst ? null : first };
  });
}

/** True if two slices are equal, including histograms and packed receipts. */
export function sameSlice(a: NewSliceRow, b: NewSliceRow): boolean {
  return sameValue(withoutReceipts(a), withoutReceipts(b));
}

/** `entries` holds them too. */
function withoutReceipts({ receipts: _, ...row }: NewSliceRow): SliceRow {
  return row;
}

/**
 * True if two values are equal as JSON, in any order of members; bytes are equal if each byte is. `Infinity`, for rows that never
 * expire, equals only itself.
 */
export function sameValue(a: object, b: object): boolean {
  const members = Object.entries(a);
  const others = new Map(Object.entries(b));
  return (
    members.length === others.size &&
    members.every(([name, value]) => others.has(name) && isSame(value, others.get(name)))
  );
}

function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a == null || b == null) return a == null && b == null;
  if (typeof a !== 'object' || typeof b !== 'object') return false;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return isSameBytes(a, b);
  return JSON.stringify(a, withInfinity) === JSON.stringify(b, withInfinity);
}

const withInfinity = (_: string, item: unknown) => (item === Number.POSITIVE_INFINITY ? 'Infinity' : item);

function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
