import { KitError, runOutside } from '@pik/schema/events';
import { errnoOf } from './files.ts';

/** A problem that an outbox found, or an operation that failed. */
export interface OutboxReport {
  /**
   * - `torn_tail`: a segment ends in an interrupted write.
   * - `damaged`: bytes among records, or a complete record at the end, fail their checksum.
   * - `missing`: stored records are gone.
   * - `header_damaged`: the header of a segment is damaged; its records were read.
   * - `cursor_ahead`: the cursor acknowledges records that are missing; all records on disk are sent again.
   * - `cursor_damaged`: the cursor cannot be read; all records on disk are sent again.
   * - `dead_letter_torn`: the last dead letter is incomplete; its record is still pending.
   * - `write_failed`, `cursor_failed`: an operation on the disk failed.
   * - `adoption_failed`: the folder of a dead member cannot be adopted; it is left unchanged.
   */
  readonly kind:
    | 'torn_tail'
    | 'damaged'
    | 'missing'
    | 'header_damaged'
    | 'cursor_ahead'
    | 'cursor_damaged'
    | 'dead_letter_torn'
    | 'write_failed'
    | 'cursor_failed'
    | 'adoption_failed';
  /** One sentence for a log. */
  readonly detail: string;
  /** The file concerned. */
  readonly file: string;
  /** Path of the copy of the damaged bytes, if there is one. */
  readonly quarantine: string | null;
  /** The positions that are lost or in doubt, both ends included, if known. */
  readonly first_position: number | null;
  readonly last_position: number | null;
}

/** Receives the reports of an outbox. */
export type Reporter = (report: Pick<OutboxReport, 'kind' | 'detail' | 'file'> & Partial<OutboxReport>) => void;

/**
 * Creates a reporter. Without a handler, each report becomes a process warning. Exceptions of the handler are ignored.
 */
export function createReporter(onReport: ((report: OutboxReport) => void) | undefined): Reporter {
  return (given) => {
    const report = { quarantine: null, first_position: null, last_position: null, ...given };
    if (onReport === undefined) {
      process.emitWarning(`outbox: ${report.detail}`, { code: `PIK_OUTBOX_${report.kind.toUpperCase()}` });
      return;
    }
    try {
      runOutside(() => onReport(report));
    } catch {
      // An exception in the handler must not cost a record its place.
    }
  };
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** Converts an error of a disk operation to an error of the kit. */
export function diskError(cause: unknown, what: string): KitError {
  if (KitError.is(cause)) return cause;
  const code = errnoOf(cause);
  if (FULL.has(code)) return new KitError('OUTBOX_FULL', `${what}: the disk is full (${code})`, { cause });
  return new KitError('OUTBOX_FAILED', `${what}: ${code}`, { cause });
}
