import { canonicalize, formatEpochMs, KitError } from '@pik/schema';

/** Bytes of an entry: its length is stored in two bytes. */
export const ENTRY_BYTES_MAX = 65_535;

/** A closed hour. `h` is its start, such as `2026-01-05T21`, in UTC. */
export interface HourEntry {
  readonly type: 'hour';
  readonly h: string;
  /** The generation. */
  readonly g: number;
  readonly packs: number;
  readonly lines: number;
  /** Lines by the letter of their outcome. */
  readonly counts: Readonly<Record<string, number>>;
  /** The root over the salted packs, in hexadecimal. */
  readonly root: string;
  /** The index of the entry of the generation before that the log has. */
  readonly supersedes?: number | undefined;
}

/** The hours from `from` (inclusive) to `to` (exclusive) had no packs when the entry was appended. */
export interface QuietEntry {
  readonly type: 'quiet';
  readonly from: string;
  readonly to: string;
}

/** Checkpoints that cover this entry are signed by the next key; the first of them by the old key as well. */
export interface KeyEntry {
  readonly type: 'key';
  /** The next key, as verifiers name it. */
  readonly next: string;
  /** True if the old key was lost, so that nothing connects the two. */
  readonly lost?: true | undefined;
}

/** The directory was restored from a backup: it had this many entries, and the others were taken from a published copy. */
export interface RestoreEntry {
  readonly type: 'restore';
  readonly from: number;
  readonly reason: string;
}

/** Lines were erased; the tombstones in the packs name the id. */
export interface ErasureEntry {
  readonly type: 'erasure';
  readonly id: string;
  readonly packs: number;
  readonly lines: number;
}

/** The hours before `through` ended by a policy of retention. */
export interface ExpiryEntry {
  readonly type: 'expiry';
  readonly through: string;
  readonly policy: string;
}

/** The salted root over the audit of an hour with reads. */
export interface AccessEntry {
  readonly type: 'access';
  readonly through: string;
  readonly root: string;
}

/** An entry of the signed log. */
export type LogEntry = HourEntry | QuietEntry | KeyEntry | RestoreEntry | ErasureEntry | ExpiryEntry | AccessEntry;

/** The bytes of an entry, which its leaf covers: RFC 8785. Throws `LOG_ENTRY_TOO_LARGE`. */
export function entryBytes(entry: LogEntry): Uint8Array {
  const known = Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined));
  const bytes = new TextEncoder().encode(canonicalize(known));
  if (bytes.length > ENTRY_BYTES_MAX)
    throw new KitError('LOG_ENTRY_TOO_LARGE', `the entry ${entry.type} has ${bytes.length} bytes`);
  return bytes;
}

/** Reads an entry. Entries of types that this version does not know are returned as they are. Throws `LOG_DAMAGED`. */
export function parseEntry(bytes: Uint8Array): LogEntry {
  try {
    const entry: LogEntry | null = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof entry === 'object' && entry !== null && typeof entry.type === 'string') return entry;
  } catch {
    // Reported below.
  }
  throw new KitError('LOG_DAMAGED', 'an entry of the signed log is not JSON');
}

/** The start of an hour as entries write it, such as `2026-01-05T21`. */
export function hourText(hourMs: number): string {
  return formatEpochMs(hourMs).slice(0, 13);
}

/** The start of an hour in milliseconds since the epoch. Throws `LOG_DAMAGED`. */
export function hourMsOf(text: string): number {
  const ms = Date.parse(`${text}:00:00Z`);
  if (Number.isNaN(ms)) throw new KitError('LOG_DAMAGED', 'an entry of the signed log names no hour');
  return ms;
}
