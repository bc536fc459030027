// The start of a service: what importing the SDK takes, in a new process each time. Run `npm run build` first, then `node
// benchmarks/src/start.ts [node]`, where `node` is the program of another Node version. Writes results/start.json, by
// version.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';

const [otherNode] = process.argv.slice(2);
const NODE = otherNode ?? process.execPath;
const ROUNDS = 21;
const RESULTS = join(import.meta.dirname, '../results/start.json');
const DIST = join(import.meta.dirname, '../../packages/sdk/dist');
const FORMS = [
  { form: 'import', file: join(DIST, 'index.js'), load: 'await import(process.argv[1])' },
  { form: 'require', file: join(DIST, 'index.cjs'), load: 'createRequire(import.meta.url)(process.argv[1])' },
];

const measured = (load: string) => `
import { createRequire } from 'node:module';
const started = performance.now();
const cpu = process.cpuUsage();
const { rss } = process.memoryUsage();
${load};
const { user, system } = process.cpuUsage(cpu);
console.log(JSON.stringify({ ms: performance.now() - started, cpu_ms: (user + system) / 1000, mb: (process.memoryUsage().rss - rss) / 2 ** 20 }));`;

interface Start {
  readonly ms: number;
  readonly cpu_ms: number;
  readonly mb: number;
}

function startOnce({ file, load }: (typeof FORMS)[number]): Start {
  const args = ['--input-type=module', '-e', measured(load), file];
  return JSON.parse(execFileSync(NODE, args, { encoding: 'utf8' })) as Start;
}

const starts = FORMS.map((form) => ({ form, all: [] as Start[] }));
// The first round reads the files from disk.
for (let round = 0; round <= ROUNDS; round++)
  for (const { form, all } of starts) {
    const start = startOnce(form);
    if (round > 0) all.push(start);
  }

const quantile = (values: readonly number[], share: number) =>
  Number((values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? Number.NaN).toFixed(1));
const rows = starts.map(({ form: { form }, all }) => ({
  form,
  wall_ms: quantile(
    all.map(({ ms }) => ms),
    0.5,
  ),
  wall_ms_min: quantile(
    all.map(({ ms }) => ms),
    0,
  ),
  cpu_ms: quantile(
    all.map(({ cpu_ms }) => cpu_ms),
    0.5,
  ),
  rss_mb: quantile(
    all.map(({ mb }) => mb),
    0.5,
  ),
}));
console.table(rows);
const version = execFileSync(NODE, ['--version'], { encoding: 'utf8' }).trim();
const known = existsSync(RESULTS) ? (JSON.parse(readFileSync(RESULTS, 'utf8')) as object) : {};
const machine = { cpu: cpus()[0]?.model ?? '', cores: cpus().length, load: Number((loadavg()[0] ?? 0).toFixed(1)) };
const all = { ...known, [version]: { measured_at: new Date().toISOString(), machine, rounds: ROUNDS, rows } };
writeFileSync(RESULTS, `${JSON.stringify(all, null, 2)}\n`);
