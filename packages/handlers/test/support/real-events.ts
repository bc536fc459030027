import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import type { Aggregate } from '@pik/schema';

import { openLocalBackend } from '../../src/backends/local/open.ts';
import { createPipeline } from '../../src/create-pipeline.ts';
import type { Pipeline } from '../../src/pipeline.ts';

// Real events with known answers; their README has the definitions. The folder lies beside a checkout where it is
// available, and CI fails if it is there and a test was skipped.

const data = join(import.meta.dirname, '../../../../../shared/data');

/** Whether the real events lie beside this checkout. */
export const hasRealEvents = existsSync(data);

/** The lines of a file of the data, decompressed where it has to be. */
export function readLines(file: string): string[] {
  const bytes = readFileSync(join(data, file));
  const text = file.endsWith('.gz') ? gunzipSync(bytes) : bytes;
  return text.toString().trimEnd().split('\n');
}

/** The changes of all earthquakes, keyed by the poll that brought each. */
export function changesKeyedByPoll(): string[] {
  return readLines('usgs/changes_2021-11-12_2023-06-30.ndjson.gz').map(
    (line) => `{"idempotency_key":"${(JSON.parse(line) as { poll: number }).poll}",${line.slice(1)}`,
  );
}

/** A pipeline over a new data directory, and the way to be rid of both. */
export async function openPipeline(
  aggregates: readonly Aggregate[] = [],
): Promise<{ pipeline: Pipeline; remove(): Promise<void> }> {
  const dir = mkdtempSync(join(tmpdir(), 'pik-data-'));
  const pipeline = createPipeline({ backend: await openLocalBackend({ dir }), aggregates });
  return {
    pipeline,
    async remove() {
      await pipeline.close();
      rmSync(dir, { recursive: true });
    },
  };
}

/** Imports lines with the receive times that they carry; gives how many had which outcome. */
export async function importLines(pipeline: Pipeline, lines: readonly string[]): Promise<Record<string, number>> {
  const total: Record<string, number> = {};
  for (let i = 0; i < lines.length; i += 1_000) {
    const body = new TextEncoder().encode(lines.slice(i, i + 1_000).join('\n'));
    const request = {
      body,
      format: 'ndjson',
      mode: 'import',
      receivedMs: Date.now(),
      requestId: 'data',
      principal: null,
      dryRun: false,
    } as const;
    const { counts } = await pipeline.ingest(request);
    for (const [status, n] of Object.entries(counts)) total[status] = (total[status] ?? 0) + n;
  }
  return total;
}
