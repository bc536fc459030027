/** The columns that are loaded, in this order. Times are texts in UTC with nine digits. */
export const COLUMNS = [
  'pack_id',
  'line',
  'received_at',
  'outcome',
  'reject_code',
  'event_id',
  'source',
  'event_type',
  'entity_id',
  'event_time',
  'request_id',
  'principal',
  'imported',
  'payload',
  'body',
] as const;

/** The table that receipts are loaded into. The views do not depend on how it is filled. */
export const TABLE_SQL = `CREATE TABLE loaded (
  pack_id VARCHAR, line INTEGER, received_at VARCHAR, outcome VARCHAR, reject_code VARCHAR, event_id VARCHAR, source VARCHAR,
  event_type VARCHAR, entity_id VARCHAR, event_time VARCHAR, request_id VARCHAR, principal VARCHAR, imported BOOLEAN,
  payload VARCHAR, body VARCHAR
)`;

/**
 * The views that a statement reads: all receipts, the events (first receipts), their repeats and conflicts, and what was
 * rejected. Times are timestamps in UTC with microseconds; `payload` is JSON.
 */
export const VIEWS_SQL: readonly string[] = [
  `CREATE VIEW receipts AS SELECT pack_id, line, left(received_at, 26)::TIMESTAMP AS received_at, outcome, reject_code, event_id,
    source, event_type, entity_id, left(event_time, 26)::TIMESTAMP AS event_time, request_id, principal, imported,
    payload::JSON AS payload, body FROM loaded`,
  "CREATE VIEW events AS SELECT * EXCLUDE (outcome, reject_code) FROM receipts WHERE outcome = 'ACCEPTED'",
  "CREATE VIEW repeats AS SELECT * EXCLUDE (reject_code) FROM receipts WHERE outcome IN ('DUPLICATE', 'CONFLICT')",
  "CREATE VIEW rejects AS SELECT * EXCLUDE (outcome) FROM receipts WHERE outcome = 'REJECTED'",
];

/** Limits of a statement. */
export interface SqlLimits {
  readonly memoryMb: number;
  readonly threads: number;
  /** Milliseconds after which it is interrupted. */
  readonly timeMs: number;
  /** Rows that are read from its answer. */
  readonly rowsMax: number;
}

/** The limits of a statement of the command line. */
export const SQL_LIMITS: SqlLimits = {
  memoryMb: 1_024,
  threads: 2,
  timeMs: 60_000,
  rowsMax: 10_000,
};

/**
 * The settings with which a statement runs: nothing outside the database is read, written or loaded, and nothing can be set. They come
 * after the data, and the last one forbids every other.
 */
export function lockSql({ memoryMb, threads }: SqlLimits): string[] {
  return [
    'SET autoinstall_known_extensions = false',
    'SET autoload_known_extensions = false',
    'SET allow_community_extensions = false',
    "SET temp_directory = ''",
    `SET memory_limit = '${memoryMb}MB'`,
    `SET threads = ${threads}`,
    'SET enable_external_access = false',
    'SET lock_configuration = true',
  ];
}
