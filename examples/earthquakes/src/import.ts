import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type Quake, readQuakes } from './quakes.ts';

const main = fileURLToPath(new URL('main.js', import.meta.resolve('@pik/cli')));

/** Runs `pik import` on a file of changes, each keyed by the poll that brought it, or on the week of 2018. */
export function importQuakes(file: string | undefined, url: string): void {
  const pikImport = (...args: string[]) =>
    execFileSync(process.execPath, [main, 'import', ...args, '--url', url], { stdio: 'inherit' });
  if (file !== undefined) return void pikImport(file, '--key', 'poll');
  const dir = mkdtempSync(join(tmpdir(), 'pik-earthquakes-'));
  try {
    const made = join(dir, 'quakes.ndjson');
    writeFileSync(made, readQuakes().map(record).join('\n'));
    pikImport(made);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** A record of a backfill: the last revision serves as the receive time. */
function record({ id, properties }: Quake): string {
  return JSON.stringify({
    source: properties.net,
    event_type: 'quake.reported',
    entity_id: id,
    event_time: new Date(properties.time),
    received_at: new Date(properties.updated),
    payload: properties,
  });
}
