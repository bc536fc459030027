import { KitError } from '@pik/schema';

import { type Entry, there, valueText } from './entry.ts';

/** Rows fetched at a time. */
const ROWS = 10_000;

/**
 * Reads the rows of one query by a cursor in a read-only transaction: the first column is the id, the second, if there is one, the value.
 *
 * @throws KitError `CONFIG_INVALID` without the package `pg`; `REQUEST_INVALID` with the server's sentence for a fault in the query.
 */
export async function* entriesOfPostgres(connectionString: string, query: string): AsyncGenerator<Entry> {
  const { default: pg } = await loadPg();
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    await client.query('BEGIN READ ONLY');
    await client.query(`DECLARE reconciled NO SCROLL CURSOR FOR ${query}`);
    for (;;) {
      const { rows } = await client.query<unknown[]>({ text: `FETCH ${ROWS} FROM reconciled`, rowMode: 'array' });
      for (const [id, value] of rows) {
        const name = valueText(id);
        if (name !== null) yield there(name, valueText(value));
      }
      if (rows.length < ROWS) return;
    }
  } catch (cause) {
    throw new KitError(
      'REQUEST_INVALID',
      `the query failed: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        cause,
      },
    );
  } finally {
    await client.end();
  }
}

async function loadPg(): Promise<typeof import('pg')> {
  try {
    return await import('pg');
  } catch (cause) {
    throw new KitError('CONFIG_INVALID', '--postgres needs the package pg: npm install pg', { cause });
  }
}
