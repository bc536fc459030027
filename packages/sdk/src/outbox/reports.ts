import { KitError, runOutside } from '@pik/schema/events';

/** Something that an outbox found or that failed, and that somebody should know of. */
export interface OutboxReport {
  /**
   * `torn_tail`: a segment ends in a write that was cut off. `damaged`: bytes among records, or a whole record at the end,
   * that fail their checksum. `missing`: records were stored and are gone. `header_damaged`: a segment's head; its records
   * were read. `cursor_ahead`: the cursor knows of records that are not there; everything there is sent again.
   * `cursor_damaged`: as if nothing had been acknowledged. `dead_letter_torn`: the last letter was cut off; its record is
   * still pending. `write_failed`, `cursor_failed`: a call on the disk. `adoption_failed`: the folder of a dead member cannot
   * be taken over; it is left as it is.
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
  /** Where the damaged bytes were copied to, if they were. */
  readonly quarantine: string | null;
  /** The positions that are lost or in doubt, both ends included, where they are known. */
  readonly first_position: number | null;
  readonly last_position: number | null;
}

/** Told of what an outbox finds. */
export type Reporter = (report: Pick<OutboxReport, 'kind' | 'detail' | 'file'> & Partial<OutboxReport>) => void;

/** Nothing is silent: without a handler it becomes a warning of the process. What a handler throws is dropped. */
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
      // A faulty handler must not cost a record its place.
    }
  };
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** The error of a call on the disk, in the kit's words. */
export function diskError(cause: unknown, what: string): KitError {
  if (KitError.is(cause)) return cause;
  const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
  if (FULL.has(code)) return new KitError('OUTBOX_FULL', `${what}: the disk is full (${code})`, { cause });
  return new KitError('OUTBOX_FAILED', `${what}: ${code}`, { cause });
}
