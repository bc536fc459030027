import { KitError } from '@pik/schema';

/** The prefix of the files of erasures. */
export const ERASURES_PREFIX = 'erasures/v1/';

/** The request of an erasure: the only file that names a person, removed at the end. */
export interface ErasureIntent {
  readonly erasure_id: string;
  readonly entity_ids: readonly string[];
  readonly receipts: readonly { readonly pack_id: string; readonly line: number }[];
  readonly reason: string;
  readonly requested_by: string | null;
  readonly requested_ms: number;
  /** `SHA-256(salt ‖ entity ids)`: with the salt, the caller can show whom the erasure was about. */
  readonly subject_tag: string;
}

/** A pack of which lines are erased. */
export interface PlannedPack {
  readonly pack_id: string;
  /** The revision without them. */
  readonly revision: number;
  readonly lines: readonly number[];
}

/** The packs that one pass has rewritten. They count once the plan is stored. */
export interface ErasurePlan {
  /** When the pass began to look, in milliseconds since the epoch. */
  readonly from_ms: number;
  readonly packs: readonly PlannedPack[];
}

/** The record of a finished erasure. It names no person. */
export interface ErasureRecord {
  readonly format: 'pik-erasure/1';
  readonly erasure_id: string;
  readonly requested_by: string | null;
  readonly reason: string;
  readonly requested_ms: number;
  readonly finished_ms: number;
  readonly subject_tag: string;
  readonly packs: number;
  readonly lines: number;
  /** Lines by the letter of their outcome. */
  readonly counts: Readonly<Record<string, number>>;
  readonly hours: number;
  readonly versions: number;
  /** Copies that this erasure cannot reach, and how long they last. */
  readonly residual: readonly { readonly what: string; readonly until: string }[];
}

/** The keys of the files of an erasure. */
export function erasureKeys(erasureId: string) {
  const folder = `${ERASURES_PREFIX}${erasureId}/`;
  return {
    intent: `${folder}intent.json`,
    record: `${folder}record.json`,
    plan: (pass: number) => `${folder}plan.${String(pass).padStart(4, '0')}.ndjson`,
  };
}

/** The erasure of a key; null for another key. */
export function erasureOfKey(key: string): string | null {
  return /^erasures\/v1\/([0-9a-f-]{36})\//.exec(key)?.[1] ?? null;
}

/** The text of a plan: its start, then a line for each pack. */
export function planText({ from_ms, packs }: ErasurePlan): string {
  return [{ from_ms }, ...packs].map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** Reads a plan. Throws `ERASURE_DAMAGED`. */
export function parsePlan(text: string, key: string): ErasurePlan {
  const [head, ...packs] = text
    .split('\n')
    .slice(0, -1)
    .map((line) => parseObject<PlannedPack & { from_ms: number }>(line, key));
  if (head === undefined || !Number.isSafeInteger(head.from_ms)) throw erasureDamaged(key);
  return { from_ms: head.from_ms, packs };
}

/** Reads a file that is one JSON object. Throws `ERASURE_DAMAGED`. */
export function parseObject<T extends object>(text: string, key: string): T {
  try {
    const value: T | null = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Reported below.
  }
  throw erasureDamaged(key);
}

function erasureDamaged(key: string): KitError {
  return new KitError('ERASURE_DAMAGED', `the file ${key} cannot be read`);
}
