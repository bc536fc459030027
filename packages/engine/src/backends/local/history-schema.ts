const MONITOR_TABLES = `
CREATE TABLE monitor (
  name TEXT PRIMARY KEY,
  revision INTEGER NOT NULL,
  row TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Those that have ended; open ones are in the row of their monitor.
CREATE TABLE incident (
  incident_id TEXT PRIMARY KEY,
  row TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`;

/** The format of `history.db`. */
export const HISTORY_FORMAT = { applicationId: 0x70696b32, version: 3 } as const;

/**
 * The tables of versions, replays, the queue, and monitors. They have their own file, so that the loss of an index loses no message,
 * and a replay never waits for the commits of ingest.
 */
export const HISTORY_TABLES = `
CREATE TABLE version (
  metric TEXT NOT NULL,
  key TEXT NOT NULL,
  window_start_ms INTEGER NOT NULL,
  version INTEGER NOT NULL,
  window_end_ms INTEGER NOT NULL,
  time_zone TEXT NOT NULL,
  time_zone_data TEXT NOT NULL,
  value_json TEXT NOT NULL,
  input_count INTEGER NOT NULL,
  inputs_hash TEXT NOT NULL,
  definition_version INTEGER NOT NULL,
  definition_hash TEXT NOT NULL,
  functions_hash TEXT NOT NULL,
  manifest_key TEXT NOT NULL,
  as_of_ms INTEGER NOT NULL,
  unsettled INTEGER NOT NULL,
  replay_id TEXT NOT NULL,
  computed_ms INTEGER NOT NULL,
  computation_id TEXT NOT NULL,
  PRIMARY KEY (metric, key, window_start_ms, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE replay (
  replay_id TEXT PRIMARY KEY,
  requested_ms INTEGER NOT NULL,
  requested_by TEXT,
  request_id TEXT NOT NULL,
  reason TEXT,
  selection TEXT NOT NULL,
  as_of_ms INTEGER NOT NULL,
  events_per_call INTEGER NOT NULL,
  status TEXT NOT NULL,
  scanned INTEGER NOT NULL,
  sent INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  next_cursor TEXT,
  ended_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE replay_part (
  replay_id TEXT NOT NULL,
  cursor TEXT NOT NULL,
  scanned INTEGER NOT NULL,
  sent INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  next_cursor TEXT,
  PRIMARY KEY (replay_id, cursor)
) STRICT, WITHOUT ROWID;

-- The windows that a replay named, and what became of them.
CREATE TABLE replay_window (
  replay_id TEXT NOT NULL,
  metric TEXT NOT NULL,
  key TEXT NOT NULL,
  window_start_ms INTEGER NOT NULL,
  result TEXT,
  version INTEGER,
  -- Why it was left open, as JSON; null while a message for it is on its way.
  failure TEXT,
  PRIMARY KEY (replay_id, metric, key, window_start_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
  message_no INTEGER PRIMARY KEY,
  message_id TEXT NOT NULL UNIQUE,
  sent_ms INTEGER NOT NULL,
  -- From when on it may be taken; null for a dead letter.
  visible_ms INTEGER,
  receives INTEGER NOT NULL,
  receipt TEXT,
  died_ms INTEGER,
  code TEXT,
  detail TEXT,
  body TEXT NOT NULL
) STRICT;

CREATE INDEX message_visible ON message (visible_ms, message_no) WHERE visible_ms IS NOT NULL;
CREATE INDEX message_died ON message (died_ms, message_no) WHERE died_ms IS NOT NULL;
${MONITOR_TABLES}`;

/** The statements that upgrade the tables from each version to the next. */
export const HISTORY_UPGRADES: readonly string[] = [
  'ALTER TABLE replay_window ADD COLUMN failure TEXT;',
  MONITOR_TABLES,
];
