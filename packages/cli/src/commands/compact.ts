import { type CompactSummary, createPipeline } from '@pik/engine';
import { openLocalBackend } from '@pik/engine/local';
import { counted, KitError, MS_PER_DAY, parseMoment } from '@pik/schema';
import { print } from '../session.ts';

/** Options of `pik compact`. */
export interface CompactCommandOptions {
  readonly data: string;
  readonly since?: string | undefined;
  readonly all?: boolean | undefined;
  readonly json?: boolean | undefined;
}

/** Closes the hours of a data directory whose packs are final. True if none has to wait. */
export async function compact({ data, since, all, json }: CompactCommandOptions): Promise<boolean> {
  const sinceMs = since === undefined ? undefined : sinceOf(since);
  const backend = await openLocalBackend({ dir: data });
  try {
    const pipeline = createPipeline({ backend });
    // Nobody else writes here, so a pack without a row is one that a crash left behind.
    await pipeline.sweep({ minAgeMs: 0, lookBackMs: MS_PER_DAY });
    const summary = await pipeline.compact({ sinceMs, all });
    print({ json }, summary, () => summaryText(summary));
    return summary.hours_waiting === 0;
  } finally {
    await backend.close();
  }
}

function sinceOf(text: string): number {
  const moment = parseMoment(text, { nowMs: Date.now(), timeZone: 'UTC' });
  if (moment === null) throw new KitError('REQUEST_INVALID', `--since ${text} is not a time`);
  return moment.epoch_ms;
}

function summaryText({ hours_closed, hours_revised, hours_waiting, packs, receipts }: CompactSummary): string {
  const lines = [
    hours_closed === 0
      ? 'No hour was due.'
      : `Closed ${counted(hours_closed, 'hour')} with ${counted(receipts, 'receipt')} in ${counted(packs, 'pack')}.`,
  ];
  if (hours_revised > 0)
    lines.push(`Counted ${counted(hours_revised, 'hour')} again: imports became the first receipts of their events.`);
  if (hours_waiting > 0)
    lines.push(
      `${counted(hours_waiting, 'hour stays', 'hours stay')} open: a pack is damaged or missing; \`pik verify\` names it.`,
    );
  return lines.join('\n');
}
