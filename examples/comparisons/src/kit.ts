// A kit in this process with the events of one story, and the figures of its comparisons.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createApp, createPipeline, silentTelemetry } from '@pik/engine';
import { openLocalBackend } from '@pik/engine/local';
import type { CompareReport } from '@pik/schema';
import { createInvestigator, type Investigator } from '@pik/sdk/investigator';

/** A record of an import: it carries its own receive time. */
export interface Received {
  readonly source: string;
  readonly event_type: string;
  readonly entity_id: string;
  readonly event_time: string;
  readonly received_at: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly idempotency_key?: string;
}

const RECORDS_AT_ONCE = 4_000;

/** Imports the events of a story, asks about them, and removes everything. */
export async function investigate(
  events: readonly Received[],
  ask: (kit: Investigator) => Promise<void>,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'pik-comparisons-'));
  const pipeline = createPipeline({ backend: await openLocalBackend({ dir }) });
  const { fetch } = createApp({ pipeline, telemetry: silentTelemetry });
  for (let i = 0; i < events.length; i += RECORDS_AT_ONCE) {
    const body = events
      .slice(i, i + RECORDS_AT_ONCE)
      .map((event) => JSON.stringify(event))
      .join('\n');
    const headers = { 'content-type': 'application/x-ndjson' };
    const response = await fetch(new Request('http://kit/import', { method: 'POST', headers, body }));
    if (response.status !== 200) throw new Error(await response.text());
    await response.arrayBuffer();
  }
  await ask(createInvestigator({ fetch: async (...call) => fetch(new Request(...call)) }));
  await pipeline.close();
  rmSync(dir, { recursive: true });
}

/** The parts of a path in the difference of a comparison, by their conditions. */
export function partsOf({ difference }: CompareReport, path: string): Map<string, number> {
  const divided = difference.dimensions.find((one) => one.path === path);
  return new Map(divided?.parts.map(({ where, part }) => [where ?? 'all others', part]));
}

/** A time of a day. */
export function timeOf(day: string, minute: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + minute * 60_000).toISOString();
}

/** The sum of some numbers. */
export function sumOf(numbers: Iterable<number>): number {
  let sum = 0;
  for (const one of numbers) sum += one;
  return sum;
}
