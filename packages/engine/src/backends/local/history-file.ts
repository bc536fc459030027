import type { DatabaseSync } from 'node:sqlite';

/** An open `history.db`: reads run immediately, writes share commits. Errors are those of the kit. */
export interface HistoryFile {
  readonly db: DatabaseSync;
  read<T>(work: () => T): Promise<T>;
  /** Durable when it resolves. */
  write<T>(work: () => T): Promise<T>;
}
