import {
  canonicalize,
  counted,
  durationText,
  type Finding,
  formatEpochMs,
  packKey,
  parsePointer,
  type VolatileMembers,
  withoutPointer,
  withoutVolatile,
} from '@pik/schema';
import type { ParsedRecord } from '../../ingest/rules/parse-record.ts';
import { isObject, typeName } from '../../ingest/rules/record-fields.ts';
import type { DeliveryRow } from '../../ports/rows.ts';

const EVIDENCE_MAX = 10;

/** Describes how the payload of a conflicting receipt differs from the first, by top-level member. */
export function conflictFinding(first: ParsedRecord, other: ParsedRecord, delivery: DeliveryRow): Finding {
  const { pack_id, line, received_ms } = delivery;
  const early = first.received_ms - received_ms;
  // Only an import can be: a live receipt is never earlier than the first one.
  const claim =
    early > 0
      ? ` It is an import that claims a receive time ${durationText(early)} earlier; the live receipt stays the event.`
      : '';
  return {
    code: 'CONFLICT',
    text: `The receipt of ${formatEpochMs(received_ms)} has the same key and another payload; ${differenceOf(first, other)}.${claim} Both are kept: this one in ${packKey(pack_id)}, line ${line}.`,
    evidence: [{ event_id: delivery.event_id, pack_id, line }],
  };
}

function differenceOf(first: ParsedRecord, other: ParsedRecord): string {
  const later = other.volatile ?? null;
  if (later !== null && first.volatile?.version !== later.version && isEqualWithout(first, other, later))
    return `it differs only in members that were declared volatile after the first receipt (${membersText(later)})`;
  const [a, b] = [contentOf(first), contentOf(other)];
  if (a === null || b === null)
    return `${a === null ? 'the first is a deletion (null)' : 'this one is a deletion (null)'}`;
  if (!isObject(a) || !isObject(b)) {
    if (Array.isArray(a) && Array.isArray(b)) return 'it differs inside the array';
    return `the first is ${typeName(a)}, this one ${typeName(b)}`;
  }
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  const differing = [...names].filter((name) => !isSameMember(a, b, name)).sort();
  if (differing.length === 0) return 'it differs in digits that a double does not keep';
  return `it differs in ${differing.map((name) => JSON.stringify(name)).join(', ')}`;
}

/** The payload without its volatile members. */
function contentOf({ event, volatile }: ParsedRecord): unknown {
  return withoutVolatile(event?.payload ?? null, volatile ?? null);
}

function isEqualWithout(first: ParsedRecord, other: ParsedRecord, members: VolatileMembers): boolean {
  const text = ({ event }: ParsedRecord) => canonicalize(withoutVolatile(event?.payload ?? null, members));
  return text(first) === text(other);
}

function isSameMember(a: object, b: object, name: string): boolean {
  const of = (value: object) => (Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined);
  const [one, other] = [of(a), of(b)];
  return one === undefined || other === undefined ? one === other : canonicalize(one) === canonicalize(other);
}

function membersText({ version, paths }: VolatileMembers): string {
  return `${paths.join(', ')}; version ${version} of the declaration`;
}

/** Describes repeats whose bytes differ from the first although their content is equal. `rows[i]` belongs to `repeats[i]`. */
export function volatileFindings(
  first: ParsedRecord,
  repeats: readonly ParsedRecord[],
  rows: readonly DeliveryRow[],
): Finding[] {
  const whole = canonicalize(first.event?.payload ?? null);
  const differing = repeats.flatMap((again, i) => {
    const row = rows[i];
    return row === undefined || canonicalize(again.event?.payload ?? null) === whole ? [] : [{ again, row }];
  });
  const [one] = differing;
  const volatile = one?.again.volatile ?? first.volatile;
  if (one === undefined || volatile === undefined) return [];
  const present = volatile.paths.filter((path) => [first, ...differing.map(({ again }) => again)].some(has(path)));
  const repeat = counted(differing.length, 'repeat has', 'repeats have');
  return [
    {
      code: 'VOLATILE_DIFFERS',
      text: `${repeat} another payload than the first receipt: it differs only in members declared volatile (${membersText({ ...volatile, paths: present })}).`,
      evidence: differing
        .slice(0, EVIDENCE_MAX)
        .map(({ row: { event_id, pack_id, line } }) => ({ event_id, pack_id, line })),
    },
  ];
}

function has(path: string): (arrival: ParsedRecord) => boolean {
  const steps = parsePointer(path) ?? [];
  return ({ event }) => event !== null && withoutPointer(event.payload, steps) !== event.payload;
}
