import { setTimeout as sleep } from 'node:timers/promises';

import { ERRORS, KitError, sha256Hex } from '@pik/schema';
import type { RecordOutcome } from '@pik/sdk';

import { type MappedLine, mapLine } from './map-line.ts';
import type { RecordMap } from './record-map.ts';
import type { Tap, TapBatch } from './tap.ts';

/** Sends lines of mapped records; one outcome per line, in order. A `RecordSender` with `mapped` is one. */
export type SendLines = (lines: readonly string[]) => Promise<readonly RecordOutcome[]>;

/** Counts of a run so far. */
export interface TapTotals {
  /** Records read from the source, each time that they were delivered. */
  records: number;
  /** Records that the map left out. */
  left_out: number;
  /** Receipts by outcome. */
  counts: Record<string, number>;
}

/** Something that happened while a tap ran. */
export type TapReport =
  | { readonly event: 'opened'; readonly name: string }
  | { readonly event: 'committed'; readonly totals: TapTotals }
  /** The source or the kit cannot be used; it is tried again after this time. */
  | { readonly event: 'waiting'; readonly what: 'source' | 'kit'; readonly error: unknown; readonly retryMs: number };

/** A run of a tap. */
export interface RunTapOptions {
  /** Opens the source; called again whenever its connection is lost. */
  readonly open: () => Promise<Tap>;
  readonly map: RecordMap;
  readonly send: SendLines;
  /** Ends the run once the batch in flight is committed. */
  readonly signal: AbortSignal;
  /** Ends the run when the source has no more records, or fails. Default: false. */
  readonly drain?: boolean | undefined;
  readonly onReport?: ((report: TapReport) => void) | undefined;
  /** Milliseconds before the first retry; each further one waits twice as long, up to a minute. Default: 500. */
  readonly retryMs?: number | undefined;
}

const RETRY_MAX_MS = 60_000;

/**
 * Sends the records of a tap to the kit until the signal is aborted. A batch is committed only once each of its records has an outcome,
 * and so its receipt is durable; whenever this process dies, nothing is lost. A record that is delivered again has the same key, and so
 * nothing is counted twice. Failures that may pass are tried again without end, but not by a run that drains.
 *
 * @throws KitError for a fault that does not pass, such as `UNAUTHENTICATED`; a run that drains throws any.
 */
export async function runTap(options: RunTapOptions): Promise<TapTotals> {
  const totals: TapTotals = { records: 0, left_out: 0, counts: {} };
  const retry = createRetry(options);
  while (!options.signal.aborted) {
    let tap: Tap | null = null;
    try {
      tap = await options.open();
      options.onReport?.({ event: 'opened', name: tap.name });
      const isDone = await transfer(tap, options, { totals, retry });
      if (isDone) return totals;
    } catch (error) {
      if (KitError.is(error) || options.drain === true) throw error;
      await retry.wait('source', error);
    } finally {
      await tap?.close().catch(() => undefined);
    }
  }
  return totals;
}

interface Run {
  readonly totals: TapTotals;
  readonly retry: Retry;
}

/** Transfers batches; true if the run is at its end. Errors that are not of the kit are those of the source. */
async function transfer(tap: Tap, options: RunTapOptions, run: Run): Promise<boolean> {
  const { signal, drain = false, onReport } = options;
  while (!signal.aborted) {
    const batch = await tap.read(signal);
    if (batch === null) {
      if (drain) return true;
      continue;
    }
    const counts = await deliver(batch, options, run);
    // The signal came before all of it was durable.
    if (counts === null) return true;
    await tap.commit(batch.token);
    run.retry.succeeded();
    const { totals } = run;
    totals.records += batch.records.length;
    for (const [name, count] of counts.entries()) {
      if (name === 'left_out') totals.left_out += count;
      else totals.counts[name] = (totals.counts[name] ?? 0) + count;
    }
    onReport?.({ event: 'committed', totals });
  }
  return true;
}

/** Sends a batch until each record has its outcome, and counts them; null if the signal ended that. */
async function deliver(batch: TapBatch, options: RunTapOptions, run: Run): Promise<Map<string, number> | null> {
  const counts = new Map<string, number>();
  const count = (name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);
  let open: string[] = [];
  for (const record of batch.records) {
    const { line }: MappedLine = mapLine(options.map, record, { key: record.id ?? sha256Hex(record.bytes) });
    if (line === null) count('left_out');
    else open.push(line);
  }
  while (open.length > 0) {
    const outcomes = await options.send(open);
    const left: string[] = [];
    let failure: KitError | null = null;
    for (const [i, line] of open.entries()) {
      const outcome = outcomes[i];
      if (outcome !== undefined && !KitError.is(outcome)) {
        count(outcome.status);
        continue;
      }
      failure ??= outcome ?? new KitError('PENDING');
      left.push(line);
    }
    open = left;
    if (failure === null) break;
    if (!ERRORS[failure.code].retryable || options.drain === true) throw failure;
    if (options.signal.aborted) return null;
    await run.retry.wait('kit', failure);
  }
  return counts;
}

interface Retry {
  wait(what: 'source' | 'kit', error: unknown): Promise<void>;
  succeeded(): void;
}

function createRetry({ signal, onReport, retryMs = 500 }: RunTapOptions): Retry {
  let nextMs = retryMs;
  return {
    async wait(what, error) {
      if (signal.aborted) return;
      onReport?.({ event: 'waiting', what, error, retryMs: nextMs });
      await sleep(nextMs, undefined, { signal }).catch(() => undefined);
      nextMs = Math.min(nextMs * 2, RETRY_MAX_MS);
    },
    succeeded() {
      nextMs = retryMs;
    },
  };
}
