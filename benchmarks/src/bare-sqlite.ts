// The baseline: the rows that the index keeps for the same events, with the same indexes, rows per commit and
// durability, written by bare `node:sqlite` without HTTP, parsing, hashing, or a raw log. Runs in its own process.
import { createHash, randomBytes } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';

const [file = '', from = '0', count = '0', perCommit = '1500'] = process.argv.slice(2);
const db = new DatabaseSync(file);
db.exec(
  'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4000',
);
db.exec(`CREATE TABLE IF NOT EXISTS entity (entity_no INTEGER PRIMARY KEY, entity_id TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS event (event_no INTEGER PRIMARY KEY, event_id BLOB NOT NULL UNIQUE, series_no INTEGER NOT NULL,
  entity_no INTEGER NOT NULL, rule INTEGER NOT NULL, idempotency_key TEXT, producer_no INTEGER, producer_seq INTEGER,
  event_ms INTEGER NOT NULL, event_sub_ns INTEGER NOT NULL, received_ms INTEGER NOT NULL, sent_ms INTEGER,
  flags INTEGER NOT NULL, expires_ms INTEGER, line INTEGER NOT NULL, pack_id BLOB NOT NULL, payload_hash BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS slice (slice_no INTEGER PRIMARY KEY, event_day INTEGER NOT NULL, pack_id BLOB NOT NULL, entries BLOB NOT NULL,
  UNIQUE (event_day, pack_id)) STRICT;`);
const insert = db.prepare(
  `INSERT INTO event (event_id, series_no, entity_no, rule, idempotency_key, producer_no, producer_seq, event_ms, event_sub_ns,
   received_ms, sent_ms, flags, expires_ms, line, pack_id, payload_hash) VALUES (?, 1, ?, 2, NULL, NULL, NULL, ?, 0, ?, NULL, 0, NULL, ?, ?, ?)
   ON CONFLICT (event_id) DO NOTHING`,
);
const entity = db.prepare('INSERT INTO entity (entity_id) VALUES (?) ON CONFLICT (entity_id) DO NOTHING');
const entityNo = db.prepare('SELECT entity_no AS n FROM entity WHERE entity_id = ?');
const slice = db.prepare('INSERT INTO slice (event_day, pack_id, entries) VALUES (?, ?, ?)');
const numbers = new Map<string, number>();

/** Builds the rows before the measurement: ids with the entity's hash first and the time after it, like the kit's. */
function makeRows(first: number, rows: number) {
  return Array.from({ length: rows }, (_, i) => {
    const n = first + i;
    const entityId = `user_${(n * 7919) % 100_000}`;
    const ms = Date.UTC(2025, 11, 28) + n * 10;
    const id = Buffer.concat([
      createHash('sha256').update(entityId).digest().subarray(0, 8),
      Buffer.alloc(9),
      randomBytes(12),
    ]);
    id.writeUIntBE(ms, 8, 6);
    return { entityId, ms, id, hash: randomBytes(32) };
  });
}

let busyMs = 0;
const per = Number(perCommit);
for (let at = Number(from); at < Number(from) + Number(count); at += per) {
  const rows = makeRows(at, Math.min(per, Number(from) + Number(count) - at));
  const started = performance.now();
  db.exec('BEGIN IMMEDIATE');
  for (let i = 0; i < rows.length; i += 500) {
    const packId = randomBytes(16);
    for (const [line, { entityId, ms, id, hash }] of rows.slice(i, i + 500).entries()) {
      let no = numbers.get(entityId);
      if (no === undefined) {
        entity.run(entityId);
        no = (entityNo.get(entityId) as { n: number }).n;
        numbers.set(entityId, no);
      }
      insert.run(id, no, ms, ms + 1_000, line, packId, hash);
    }
    slice.run(20_000, packId, randomBytes(70 * 500));
  }
  db.exec('COMMIT');
  busyMs += performance.now() - started;
}
db.close();
console.log(JSON.stringify({ rows: Number(count), rows_per_s: Math.round(Number(count) / (busyMs / 1000)) }));
