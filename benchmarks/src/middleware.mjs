// Cost of a request with the middleware compared with its peers, on the servers and the sink of the shared harness: CPU
// time per request, relative to the bare server. HARNESS names the installed harness folder; the run uses a copy
// extended with our middleware and our answers. Three ways: `pairs`: the harness's own mwpair.mjs, unchanged, one
// variant after the other, each alternating with its bare server. `in_turn`: all servers alternate, so that other work
// on the machine affects all alike. `in_turn_library_loaded`: the same with a library (zod) loaded into every server,
// including the bare one. Loading almost any library slows each request of a small server by some 5 µs (Node 24.21: the
// engine leaves a fast path in process.nextTick, seen with zod alone), which would otherwise count against the first
// middleware that brings some code; real services have loaded more than that anyway. Writes results/middleware.json, by
// version of the Node that runs it and the servers. HARNESS=… node benchmarks/src/middleware.mjs [variants=a,b]
// [pairs=8] [turns=12] [burst=1] [repeats=1] `repeats`: how often a disturbed burst of a pair is repeated. `pairs=0`
// skips them.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';

import { measureInTurn } from './middleware-in-turn.mjs';
import { taughtHarness } from './taught-harness.mjs';

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
const { pairs = 8, turns = 12, burst = 1, repeats = 1 } = options;
const variants = options.variants?.split(',') ?? VARIANTS;

const result = {
  cpu: cpus()[0]?.model,
  load_average_before: loadavg()[0],
  settings: { pairs: Number(pairs), turns: Number(turns), burst_s: Number(burst), connections: 50 },
  in_turn: withRatios(await inTurn(false)),
  in_turn_library_loaded: withRatios(await inTurn(true)),
  ...(Number(pairs) > 0 ? { pairs: withRatios(inPairs()) } : {}),
};
console.log(JSON.stringify(result, null, 2));
if (options.variants === undefined) save(result);

function save(measured) {
  const file = join(repository, 'benchmarks/results/middleware.json');
  const known = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, `${JSON.stringify({ ...known, [process.version]: measured }, null, 2)}\n`);
}

async function inTurn(isLoaded) {
  const harness = taughtHarness(process.env.HARNESS, { isLoaded });
  try {
    const bare = ['express-bare', 'fastify-bare'].filter((name) =>
      variants.some((one) => one.startsWith(name.slice(0, 7))),
    );
    return await measureInTurn(harness, { variants: [...bare, ...variants], turns, burst: Number(burst) });
  } finally {
    rmSync(harness, { recursive: true, force: true });
  }
}

function inPairs() {
  const harness = taughtHarness(process.env.HARNESS, { repeats });
  try {
    const args = [
      '-c',
      '1',
      process.execPath,
      'mwpair.mjs',
      `variants=${variants}`,
      `pairs=${pairs}`,
      `burst=${burst}`,
    ];
    const out = join(harness, 'pairs.jsonl');
    const { status } = spawnSync('taskset', [...args, `out=${out}`], { cwd: harness, stdio: 'inherit' });
    if (status !== 0) throw new Error('the harness failed');
    const rows = readFileSync(out, 'utf8').trim().split('\n');
    return Object.fromEntries(rows.map((line) => pairRow(JSON.parse(line))));
  } finally {
    rmSync(harness, { recursive: true, force: true });
  }
}

function pairRow({ variant, added, addedQ1, addedQ3, cpu, p99, bareP99, foreign, dropped }) {
  const figures = { added_us: added, added_us_q1: addedQ1, added_us_q3: addedQ3, cpu_us: cpu, p99_ms: p99 };
  return [variant, { ...figures, bare_p99_ms: bareP99, foreign_percent_max: foreign, not_delivered: dropped ?? null }];
}

function withRatios(figures) {
  const ratio = (a, b) => {
    const [over, under] = [figures[a]?.added_us, figures[b]?.added_us];
    return over === undefined || under === undefined ? null : Number((over / under).toFixed(2));
  };
  const ratios = {
    express_to_pino_http: ratio('express-pik', 'express-pino-http'),
    express_to_minimal_id: ratio('express-pik', 'express-minimal-id'),
    fastify_to_logger: ratio('fastify-pik', 'fastify-logger'),
    fastify_to_minimal_id: ratio('fastify-pik', 'fastify-minimal-id'),
  };
  return { ratios, figures };
}
