/** The receipts whose slice entries may be outdated: the EVENT row decides. */
const RECHECK_TABLE = `
CREATE TABLE recheck (
  event_day INTEGER NOT NULL,
  series_no INTEGER NOT NULL,
  pack_id BLOB NOT NULL,
  line INTEGER NOT NULL,
  event_id BLOB NOT NULL,
  PRIMARY KEY (event_day, series_no, pack_id, line)
) STRICT, WITHOUT ROWID;

CREATE INDEX recheck_event ON recheck (event_id);
`;

/** The commits of closed hours: generations and revisions of each, as JSON. */
const HOUR_TABLES = `
CREATE TABLE hour (
  hour_ms INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  row TEXT NOT NULL,
  PRIMARY KEY (hour_ms, generation, revision)
) STRICT, WITHOUT ROWID;

-- Packs of closed hours that the latest commit of their hour does not cover.
CREATE TABLE late_pack (pack_id BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE INDEX recheck_pack ON recheck (pack_id, line);
`;

/**
 * The events of one pack, series and day, column by column (`packed/rules/segment.ts`), by the number of the first one. A
 * row of `event` with the number of one of them counts instead.
 */
const SEGMENT_TABLE = `
CREATE TABLE segment (
  first_no INTEGER PRIMARY KEY,
  rows INTEGER NOT NULL,
  series_no INTEGER NOT NULL,
  pack_id BLOB NOT NULL,
  columns BLOB NOT NULL
) STRICT;
`;

/** The packs in which lines were erased. */
const REVISION_TABLE = `
CREATE TABLE pack_revision (pack_id BLOB PRIMARY KEY, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

/** The format of `index.db`. */
export const INDEX_FORMAT = { applicationId: 0x70696b31, version: 10 } as const;

/**
 * The tables. Ids and hashes are blobs; source and type, entity and producer are interned to integers. Events are appended as
 * segments; `event` has those that were replaced, and those of earlier versions. Which event has an id is kept in files of its own
 * (`key-index.ts`). Large blobs are the last
 * columns, so that reading the columns before them does not read their pages.
 */
export const INDEX_TABLES = `
CREATE TABLE series (
  series_no INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  event_type TEXT NOT NULL,
  UNIQUE (source, event_type)
) STRICT;

CREATE TABLE entity (entity_no INTEGER PRIMARY KEY, entity_id TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE producer (producer_no INTEGER PRIMARY KEY, producer_id TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE event (
  event_no INTEGER PRIMARY KEY,
  event_id BLOB NOT NULL,
  series_no INTEGER NOT NULL,
  entity_no INTEGER NOT NULL,
  rule INTEGER NOT NULL,
  idempotency_key TEXT,
  producer_no INTEGER,
  producer_seq INTEGER,
  event_ms INTEGER NOT NULL,
  event_sub_ns INTEGER NOT NULL,
  received_ms INTEGER NOT NULL,
  sent_ms INTEGER,
  flags INTEGER NOT NULL,
  expires_ms INTEGER,
  line INTEGER NOT NULL,
  pack_id BLOB NOT NULL,
  payload_hash BLOB NOT NULL,
  -- Of imports alone; null in the rows of all others.
  rank BLOB,
  -- The answered outcome of its receipt, and whether an import also has a live receipt (codec.ts); null if neither applies.
  standing INTEGER
) STRICT;

${SEGMENT_TABLE}
-- TIME pointers: only keyed events have one, since the id of all others holds their time.
CREATE TABLE pointer (position BLOB PRIMARY KEY, event_no INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE delivery (
  event_id BLOB NOT NULL,
  pack_id BLOB NOT NULL,
  line INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  event_ms INTEGER NOT NULL,
  event_sub_ns INTEGER NOT NULL,
  received_ms INTEGER NOT NULL,
  sent_ms INTEGER,
  flags INTEGER NOT NULL,
  expires_ms INTEGER,
  payload_hash BLOB NOT NULL,
  rank BLOB,
  producer_no INTEGER,
  producer_seq INTEGER,
  PRIMARY KEY (event_id, pack_id, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE failure (
  received_ms INTEGER NOT NULL,
  pack_id BLOB NOT NULL,
  line INTEGER NOT NULL,
  kind TEXT NOT NULL,
  stage TEXT NOT NULL,
  code TEXT NOT NULL,
  path TEXT,
  detail TEXT,
  source TEXT,
  event_type TEXT,
  event_id TEXT,
  expires_ms INTEGER,
  entity_hash TEXT,
  -- A failed window as a JSON array of metric, key and start; empty for other kinds.
  window TEXT NOT NULL DEFAULT '',
  receipts INTEGER,
  payload_hash BLOB,
  PRIMARY KEY (received_ms, pack_id, line, kind, window)
) STRICT, WITHOUT ROWID;

CREATE INDEX failure_entity ON failure (entity_hash, received_ms) WHERE entity_hash IS NOT NULL;

CREATE TABLE slice (
  slice_no INTEGER PRIMARY KEY,
  event_day INTEGER NOT NULL,
  series_no INTEGER NOT NULL,
  pack_id BLOB NOT NULL,
  received_min_ms INTEGER NOT NULL,
  received_max_ms INTEGER NOT NULL,
  imported INTEGER NOT NULL,
  accepted INTEGER NOT NULL,
  duplicates INTEGER NOT NULL,
  conflicts INTEGER NOT NULL,
  expires_ms INTEGER,
  -- Its new events, if they are all packed under numbers that follow each other: \`entries\` has its other receipts then.
  first_no INTEGER,
  packed INTEGER NOT NULL DEFAULT 0,
  lag BLOB NOT NULL,
  delay BLOB NOT NULL,
  entries BLOB NOT NULL,
  UNIQUE (event_day, series_no, pack_id)
) STRICT;

${RECHECK_TABLE}
${HOUR_TABLES}
${REVISION_TABLE}
CREATE TABLE sequence (
  producer_no INTEGER NOT NULL,
  pack_id BLOB NOT NULL,
  received_ms INTEGER NOT NULL,
  expires_ms INTEGER,
  ranges TEXT NOT NULL,
  PRIMARY KEY (producer_no, pack_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE pack (
  pack_id BLOB PRIMARY KEY,
  sha256 BLOB NOT NULL,
  bytes INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  principal TEXT,
  imported INTEGER NOT NULL,
  received_min_ms INTEGER NOT NULL,
  received_max_ms INTEGER NOT NULL,
  expires_ms INTEGER,
  outcomes TEXT NOT NULL,
  -- Of a pack with several requests alone: all of them, as JSON.
  requests TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

/** The statements that upgrade the tables: the first element from version 1 to version 2, and so on. */
export const INDEX_UPGRADES: readonly string[] = [
  `
ALTER TABLE failure RENAME TO failure_1;
CREATE TABLE failure (
  received_ms INTEGER NOT NULL,
  pack_id BLOB NOT NULL,
  line INTEGER NOT NULL,
  kind TEXT NOT NULL,
  stage TEXT NOT NULL,
  code TEXT NOT NULL,
  path TEXT,
  detail TEXT,
  source TEXT,
  event_type TEXT,
  event_id TEXT,
  expires_ms INTEGER,
  entity_hash TEXT,
  window TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (received_ms, pack_id, line, kind, window)
) STRICT, WITHOUT ROWID;
INSERT INTO failure (received_ms, pack_id, line, kind, stage, code, path, detail, source, event_type, event_id, expires_ms)
  SELECT received_ms, pack_id, line, kind, stage, code, path, detail, source, event_type, event_id, expires_ms FROM failure_1;
DROP TABLE failure_1;
CREATE INDEX failure_entity ON failure (entity_hash, received_ms) WHERE entity_hash IS NOT NULL;
`,
  'ALTER TABLE failure ADD COLUMN receipts INTEGER;',
  `
ALTER TABLE event ADD COLUMN rank BLOB;
ALTER TABLE event ADD COLUMN standing INTEGER;
ALTER TABLE delivery ADD COLUMN rank BLOB;
ALTER TABLE delivery ADD COLUMN producer_no INTEGER;
ALTER TABLE delivery ADD COLUMN producer_seq INTEGER;
ALTER TABLE failure ADD COLUMN payload_hash BLOB;
${RECHECK_TABLE}`,
  'ALTER TABLE pack ADD COLUMN requests TEXT;',
  // The keys are made again from the event rows.
  "DROP TABLE event_key; DELETE FROM mark WHERE name = 'event_keys_until';",
  HOUR_TABLES,
  // Events of earlier versions stay rows.
  SEGMENT_TABLE,
  'ALTER TABLE slice ADD COLUMN first_no INTEGER; ALTER TABLE slice ADD COLUMN packed INTEGER NOT NULL DEFAULT 0;',
  REVISION_TABLE,
];
