import type { DuckDBConnection } from '@duckdb/node-api';
import { KitError, type Match } from '@pik/schema';

import { payloadText } from './payload-text.ts';
import { COLUMNS, lockSql, SQL_LIMITS, type SqlLimits, TABLE_SQL, VIEWS_SQL } from './views.ts';

/** The answer of a statement. */
export interface SqlAnswer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
  /** True if the statement has more rows than were read. */
  readonly hasMore: boolean;
}

/** A value as JSON has it: numbers beyond a double, times and nested values are text or JSON. */
export type SqlValue = string | number | boolean | null | readonly unknown[] | object;

/** A database in memory with the receipts of a range. */
export interface ReceiptsDatabase {
  /**
   * Runs one statement that reads.
   *
   * @throws KitError `REQUEST_INVALID` for any other statement, and with DuckDB's sentence for a fault in one.
   */
  query(sql: string): Promise<SqlAnswer>;
  close(): void;
}

type DuckDb = typeof import('@duckdb/node-api');

/** Loads DuckDB, an optional peer. Throws `CONFIG_INVALID` with the command that installs it. */
async function loadDuckDb(): Promise<DuckDb> {
  try {
    return await import('@duckdb/node-api');
  } catch (cause) {
    throw new KitError('CONFIG_INVALID', 'pik sql needs DuckDB: npm install @duckdb/node-api', { cause });
  }
}

/** Opens a database in memory, loads the receipts and locks it. The matches must come with their received text. */
export async function openReceiptsDatabase(
  matches: AsyncIterable<Match>,
  limits: SqlLimits = SQL_LIMITS,
): Promise<ReceiptsDatabase> {
  const duckdb = await loadDuckDb();
  const instance = await duckdb.DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run(TABLE_SQL);
    await load(connection, matches);
    for (const sql of [...VIEWS_SQL, ...lockSql(limits)]) await connection.run(sql);
  } catch (error) {
    connection.closeSync();
    instance.closeSync();
    throw error;
  }
  const readOnly = new Set([duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN]);
  return {
    query: (sql) => query(connection, sql, { ...limits, readOnly }),
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

async function load(connection: DuckDBConnection, matches: AsyncIterable<Match>): Promise<void> {
  const appender = await connection.createAppender('loaded');
  for await (const match of matches) {
    const row: Record<(typeof COLUMNS)[number], string | number | boolean | null> = {
      ...match,
      payload: payloadText(match.body),
      body: match.body ?? null,
    };
    for (const column of COLUMNS) {
      const value = row[column];
      if (value === null) appender.appendNull();
      else if (typeof value === 'string') appender.appendVarchar(value);
      else if (typeof value === 'number') appender.appendInteger(value);
      else appender.appendBoolean(value);
    }
    appender.endRow();
  }
  appender.closeSync();
}

/** Milliseconds between two looks at the time. */
const INTERRUPT_MS = 20;

interface Asked extends SqlLimits {
  readonly readOnly: ReadonlySet<number>;
}

async function query(
  connection: DuckDBConnection,
  sql: string,
  { readOnly, timeMs, rowsMax }: Asked,
): Promise<SqlAnswer> {
  const endMs = performance.now() + timeMs;
  // Again and again: between two steps of a statement there is nothing to interrupt.
  const timer = setInterval(() => {
    if (performance.now() >= endMs) connection.interrupt();
  }, INTERRUPT_MS);
  try {
    const statements = await connection.extractStatements(sql);
    if (statements.count !== 1) throw refused('send one statement at a time');
    const prepared = await statements.prepare(0);
    if (!readOnly.has(prepared.statementType)) throw refused('it must only read, by SELECT, FROM, DESCRIBE or EXPLAIN');
    const reader = await prepared.streamAndReadUntil(rowsMax + 1);
    const rows = reader.getRowsJson() as readonly (readonly SqlValue[])[];
    const hasMore = rows.length > rowsMax;
    return { columns: reader.columnNames(), rows: hasMore ? rows.slice(0, rowsMax) : rows, hasMore };
  } catch (error) {
    if (KitError.is(error) || !(error instanceof Error)) throw error;
    throw refused(error.message);
  } finally {
    clearInterval(timer);
  }
}

function refused(rule: string): KitError {
  return new KitError('REQUEST_INVALID', `the statement cannot be run: ${rule}`, { path: '/sql' });
}
