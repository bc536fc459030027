// The collector that a team would write in an afternoon, for `against-postgres.ts` to compare the kit with: Fastify and `pg`,
// one row per event, its SHA-256 as the unique id, one insert per request, one answer per event. It keeps no bytes and
// forgets conflicts. node postgres-collector.mjs SOCKET_FOLDER
import { createHash } from 'node:crypto';
import Fastify from 'fastify';
import pg from 'pg';

const pool = new pg.Pool({ host: process.argv[2], user: 'postgres', database: 'postgres', max: 16 });
await pool.query(`CREATE TABLE IF NOT EXISTS event (id bytea PRIMARY KEY, source text, event_type text, entity_id text,
  event_time timestamptz, received_at timestamptz DEFAULT now(), body text)`);
await pool.query('CREATE INDEX IF NOT EXISTS event_entity ON event (entity_id, event_time)');

const INSERT = `INSERT INTO event (id, source, event_type, entity_id, event_time, body)
  SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[])
  ON CONFLICT DO NOTHING RETURNING id`;

const app = Fastify({ bodyLimit: 64 * 1024 * 1024 });
app.addContentTypeParser('application/x-ndjson', { parseAs: 'string' }, (_, body, done) => done(null, body));
app.post('/ingest', async ({ body }) => {
  const lines = body.split('\n').filter((line) => line !== '');
  const events = lines.map((line) => JSON.parse(line));
  const ids = lines.map((line) => createHash('sha256').update(line).digest());
  const column = (name) => events.map((event) => event[name]);
  const names = ['source', 'event_type', 'entity_id', 'event_time'];
  const { rows } = await pool.query(INSERT, [ids, ...names.map(column), lines]);
  const isNew = new Set(rows.map(({ id }) => id.toString('hex')));
  const results = ids.map((id) => {
    const event_id = id.toString('hex');
    return { event_id, status: isNew.has(event_id) ? 'ACCEPTED' : 'DUPLICATE' };
  });
  return { results, counts: { ACCEPTED: isNew.size } };
});
console.log(await app.listen({ port: 0, host: '127.0.0.1' }));
