// A process with its own umask that uses a data directory in every way that makes a file, and prints the modes of these
// files.
import { readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import { openLocalBackend } from '../../src/backends/local/open.ts';

const [mask = '', dir = ''] = process.argv.slice(2);
process.umask(Number.parseInt(mask, 8));

function modes(folder: string): [path: string, mode: string][] {
  const own = [relative(dir, folder) || '.', (statSync(folder).mode & 0o777).toString(8)] as [string, string];
  const inside = readdirSync(folder, { withFileTypes: true }).flatMap((entry): [string, string][] => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return modes(path);
    return [[relative(dir, path), (statSync(path).mode & 0o777).toString(8)]];
  });
  return [own, ...inside];
}

const backend = await openLocalBackend({ dir });
const pipeline = createPipeline({ backend });
const event = { source: 's', event_type: 't', entity_id: 'e', event_time: '2026-01-04T00:00:00Z', payload: {} };
await pipeline.ingest({
  body: new TextEncoder().encode(JSON.stringify(event)),
  format: 'json',
  mode: 'live',
  receivedMs: Date.now(),
  requestId: 'r',
  principal: null,
  dryRun: false,
});
const range = { start_time: '2026-01-04T00:00:00Z', end_time: '2026-01-05T00:00:00Z' };
await pipeline.replay({ entity_id: 'e', ...range }, { principal: null, requestId: 'r' });
while ((await pipeline.work()) !== 'IDLE');
const open = modes(dir);
await pipeline.close();
process.stdout.write(JSON.stringify([...open, ...modes(dir)]));
