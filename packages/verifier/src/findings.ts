/** The exit statuses of `pik verify --offline` and `pik verify --case`; 2 is wrong usage. */
export const STATUS = {
  proven: 0,
  /** Bytes are not those that were signed. */
  differs: 1,
  /** A file is there and cannot be read. */
  unreadable: 3,
  /** A file is missing, and was neither erased nor expired. */
  missing: 11,
  /** A signature is missing or wrong, or too few witnesses have signed. */
  signature: 12,
  /** The log is not a continuation of the pinned one. */
  fork: 13,
  /** Files that the log does not know. */
  extra: 14,
} as const;

/** A fault, with the status that it leads to. */
export interface Finding {
  readonly status: number;
  /** The file, or another place. */
  readonly at: string;
  readonly text: string;
}

const WORST_FIRST: readonly number[] = [
  STATUS.fork,
  STATUS.signature,
  STATUS.differs,
  STATUS.missing,
  STATUS.unreadable,
];

/** The status of the worst of these findings; 0 if there are none. */
export function worstStatus(findings: readonly Finding[]): number {
  const found = new Set(findings.map(({ status }) => status));
  return WORST_FIRST.find((status) => found.has(status)) ?? (found.has(STATUS.extra) ? STATUS.extra : STATUS.proven);
}
