// What a request costs with the middleware beside its peers, in the shared harness (mwpair.mjs: the bare server and the one
// with the middleware in turn, CPU time per request). The harness is the folder named by HARNESS, installed; it is copied,
// taught our middleware and our answers, and run twice: as it is, and with a library loaded into every server, the bare one
// too. Loading almost any library slows each request of a server by some 5 µs (seen with zod alone, on Node 24.21: the engine
// then leaves a fast path in process.nextTick), which the harness would put down to the first middleware that comes with one.
// Writes results/middleware.json.
//   HARNESS=… node benchmarks/src/middleware.mjs [variants=a,b] [rounds=3] [pairs=8] [burst=1] [repeats=1]
// `repeats`: how often a burst is taken again that other work on the machine disturbed.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const VARIANTS = [
  'express-minimal-id',
  'express-pik',
  'express-pino-http',
  'express-morgan',
  'express-otel-express',
  'fastify-minimal-id',
  'fastify-pik',
  'fastify-logger',
  'fastify-otel-fastify',
];
const repository = resolve(import.meta.dirname, '..', '..');
const options = Object.fromEntries(process.argv.slice(2).map((text) => text.split('=')));
const { rounds = 3, pairs = 8, burst = 1, repeats = 1, variants = VARIANTS.join(',') } = options;

const result = {
  node: process.version,
  cpu: cpus()[0]?.model,
  settings: { rounds: Number(rounds), pairs: Number(pairs), burst_s: Number(burst), connections: 50 },
  as_it_is: run(false),
  with_a_library_loaded: run(true),
};
console.log(JSON.stringify(result, null, 2));
if (options.variants === undefined)
  writeFileSync(join(repository, 'benchmarks/results/middleware.json'), `${JSON.stringify(result, null, 2)}\n`);

function run(isLoaded) {
  const harness = taught(process.env.HARNESS, isLoaded);
  const rows = [];
  try {
    for (let round = 0; round < rounds; round++) {
      // Forwards and backwards, so that no variant always follows the same one.
      const order = round % 2 === 0 ? variants.split(',') : variants.split(',').toReversed();
      const args = ['-c', '1', process.execPath, 'mwpair.mjs', `variants=${order}`, `pairs=${pairs}`, `burst=${burst}`];
      const out = join(harness, `round-${round}.jsonl`);
      const { status } = spawnSync('taskset', [...args, `out=${out}`], { cwd: harness, stdio: 'inherit' });
      if (status !== 0) throw new Error('the harness failed');
      for (const line of readFileSync(out, 'utf8').trim().split('\n')) rows.push({ round, ...JSON.parse(line) });
    }
  } finally {
    rmSync(harness, { recursive: true, force: true });
  }
  return summary(rows);
}

/** A copy of the harness whose server knows our middleware, and whose sink answers as the backend does. */
function taught(folder, isLoaded) {
  if (folder === undefined || !existsSync(join(folder, 'node_modules')))
    throw new Error('HARNESS must name the installed harness');
  const copy = mkdtempSync(join(tmpdir(), 'pik-mw-'));
  for (const name of ['mwpair.mjs', 'mwserver.mjs', 'package.json']) cpSync(join(folder, name), join(copy, name));
  const pairing = readFileSync(join(copy, 'mwpair.mjs'), 'utf8');
  if (!pairing.includes('k >= 4')) throw new Error('the harness has changed');
  writeFileSync(join(copy, 'mwpair.mjs'), pairing.replace('k >= 4', `k >= ${repeats}`));
  symlinkSync(join(resolve(folder), 'node_modules'), join(copy, 'node_modules'));
  const own = (path) => pathToFileURL(join(repository, path)).href;
  const sink = `process.env.HARNESS = ${JSON.stringify(resolve(folder))};\nawait import('${own('benchmarks/src/producer-sink.mjs')}');\n`;
  writeFileSync(join(copy, 'sink.mjs'), sink);
  const producer = `(await import('${own('packages/sdk/dist/index.js')}')).createProducer({ url: sinkUrl, source: 'bench' })`;
  const about = `const events = mw({ producer }); extra = () => { const { undelivered, rejected } = producer.stats(); return { dropped: undelivered + rejected + events.stats().failed } };`;
  const server = readFileSync(join(copy, 'mwserver.mjs'), 'utf8');
  const express = `if (v === 'pik') { const mw = (await import('${own('packages/express-middleware/dist/index.js')}')).createExpressEvents; const producer = ${producer}; ${about} app.use(events) }\n`;
  const fastify = `if (v === 'pik') { const mw = (await import('${own('packages/fastify-plugin/dist/index.js')}')).createFastifyEvents; const producer = ${producer}; ${about} app.register(events) }\n`;
  const patched = server
    .replace("  if (v === 'morgan')", () => `  ${express}  if (v === 'morgan')`)
    .replace("  if (v === 'hook-only')", () => `  ${fastify}  if (v === 'hook-only')`);
  if (!patched.includes(express) || !patched.includes(fastify)) throw new Error('the harness has changed');
  const library = isLoaded ? `import '${import.meta.resolve('zod')}';\n` : '';
  writeFileSync(join(copy, 'mwserver.mjs'), library + patched);
  return copy;
}

function summary(all) {
  const figures = {};
  for (const name of new Set(all.map(({ variant }) => variant))) {
    const of = all.filter(({ variant }) => variant === name);
    const column = (key) => median(of.map((row) => row[key]));
    figures[name] = {
      added_us: column('added'),
      added_us_q1: column('addedQ1'),
      added_us_q3: column('addedQ3'),
      bare_us: column('bareCpu'),
      added_us_of_rounds: of.map(({ added }) => added),
      p99_ms: column('p99'),
      bare_p99_ms: column('bareP99'),
      rss_mb: column('rss'),
      foreign_percent_max: Math.max(...of.map(({ foreign }) => foreign)),
      not_2xx: of.reduce((sum, { non2xx }) => sum + non2xx, 0),
      undelivered: of.at(-1).dropped ?? null,
    };
  }
  const ratio = (a, b) => {
    const [over, under] = [figures[a]?.added_us, figures[b]?.added_us];
    return over === undefined || under === undefined ? null : Number((over / under).toFixed(2));
  };
  return {
    ratios: {
      express_to_pino_http: ratio('express-pik', 'express-pino-http'),
      express_to_minimal_id: ratio('express-pik', 'express-minimal-id'),
      fastify_to_logger: ratio('fastify-pik', 'fastify-logger'),
      fastify_to_minimal_id: ratio('fastify-pik', 'fastify-minimal-id'),
    },
    figures,
  };
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? null;
}
