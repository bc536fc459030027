// The shares of the parts of a server in its time while it ingests: batches of 500 and single events over HTTP, into an index of
// its own. The server runs on its sources with the sampling profiler of V8 in all of its threads that run JavaScript, so
// compression and the helpers of garbage collection are missing; `against-postgres.ts` has the whole processor time. The profiler
// takes time itself: only the shares count, and other work on the machine changes them little. Writes results/cpu-by-part.json.
// node benchmarks/src/cpu-by-part.ts [--batches 400000] [--singles 20000]
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { createLoad } from './load.ts';
import { ended, listening } from './processes.ts';
import { makeBodies } from './rows.ts';

const { values } = parseArgs({
  options: { batches: { type: 'string', default: '400000' }, singles: { type: 'string', default: '20000' } },
});
const root = join(import.meta.dirname, '../..');

/** The parts of the way of an event, by the source files in which a sample lies: the innermost one that is listed counts. */
const PARTS: readonly (readonly [part: string, files: RegExp])[] = [
  ['identity and hashes', /schema\/src\/(identity|sha256|canonical|base32hex|payload-value)|rules\/payload-hash/],
  [
    'parse and validate',
    /engine\/src\/(ingest\/(rules\/(?!outcomes|classify|first-receipt|slices|sequences)|parse)|parsers)/,
  ],
  ['parse and validate', /schema\/src\/(event|time|mapped|written|json|utf8|volatile)/],
  ['lines and file of the pack', /engine\/src\/(storage\/pack|backends\/local\/(create-only|raw-log))/],
  ['decide outcomes', /engine\/src\/(ingest\/(rules|admit|write-group|ingest)|runtime)/],
  ['keys', /backends\/local\/key-(runs|index)/],
  ['commit', /backends\/local\/(group-commit|verdict-journal)/],
  ['rows', /backends\/local\//],
  ['rows', /engine\/src\/storage\//],
  [
    'HTTP and answer',
    /engine\/src\/(http|api|telemetry)|packages\/(cli|console)\/|hono|node:(_?http|net|internal\/(http|streams|net|stream_base))/,
  ],
];
const COLLECTION = 'garbage collection';
const LOADING = 'start';

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Microseconds by part. */
function timesOf(profile: Profile): Map<string, number> {
  const partOf = new Map<number, string | null>();
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const visit = (id: number, above: string | null): void => {
    const node = byId.get(id);
    if (node === undefined) return;
    const { functionName, url } = node.callFrame;
    const own = functionName === '(garbage collector)' ? COLLECTION : PARTS.find(([, files]) => files.test(url))?.[0];
    const isIdle = functionName === '(idle)' || functionName === '(root)';
    const isLoading = /node:internal\/(modules|bootstrap|main|process)/.test(url);
    const part = isIdle ? null : (own ?? (isLoading ? LOADING : above));
    partOf.set(id, part ?? (isIdle ? null : 'the rest of Node'));
    for (const child of node.children ?? []) visit(child, part);
  };
  const [top] = profile.nodes;
  if (top !== undefined) visit(top.id, null);
  const times = new Map<string, number>();
  for (const [i, id] of profile.samples.entries()) {
    const part = partOf.get(id) ?? null;
    if (part !== null) times.set(part, (times.get(part) ?? 0) + (profile.timeDeltas[i] ?? 0));
  }
  return times;
}

/** Sends events to a server, and returns the share of each part, the largest first. */
async function measure(events: number, { perRequest, inFlight }: { perRequest: number; inFlight: number }) {
  const dir = mkdtempSync(join(tmpdir(), 'pik-bench-'));
  const profiles = join(dir, 'profiles');
  const sources = join(root, 'packages/engine/test/support/resolve-sources.ts');
  const profiling = ['--cpu-prof', '--cpu-prof-dir', profiles, '--import', sources];
  const serve = [join(root, 'packages/cli/src/main.ts'), 'serve', '--port', '0', '--data', join(dir, 'data')];
  const child = spawn(process.execPath, [...profiling, ...serve], { stdio: ['ignore', 'pipe', 'ignore'] });
  const load = createLoad(await listening(child), { inFlight });
  await load.send(makeBodies(0, events, perRequest));
  load.close();
  child.kill('SIGTERM');
  await ended(child);
  const times = new Map<string, number>();
  for (const file of readdirSync(profiles)) {
    const profile = JSON.parse(readFileSync(join(profiles, file), 'utf8')) as Profile;
    for (const [part, us] of timesOf(profile)) if (part !== LOADING) times.set(part, (times.get(part) ?? 0) + us);
  }
  rmSync(dir, { recursive: true });
  const total = [...times.values()].reduce((sum, us) => sum + us, 0);
  const sorted = [...times].sort(([, a], [, b]) => b - a);
  return {
    events,
    per_request: perRequest,
    in_flight: inFlight,
    share_by_part: Object.fromEntries(sorted.map(([part, us]) => [part, Number((us / total).toFixed(3))])),
  };
}

const result = {
  node: process.version,
  batches: await measure(Number(values.batches), { perRequest: 500, inFlight: 16 }),
  single: await measure(Number(values.singles), { perRequest: 1, inFlight: 64 }),
};
writeFileSync(join(root, 'benchmarks/results/cpu-by-part.json'), `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result, null, 2));
