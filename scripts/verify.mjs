// Everything that CI runs, in the order in which it fails fastest. `--after-tests` leaves out what `npm test` has run.
import { spawnSync } from 'node:child_process';

const steps = [
  ['format and lint', 'biome', ['ci', '.']],
  ['types', 'node', ['scripts/typecheck.mjs']],
  ['dead code', 'knip', []],
  ...[
    'schema',
    'sdk',
    'request-events',
    'express-middleware',
    'fastify-plugin',
    'aggregates',
    'engine',
    'handlers',
    'testkit',
    'render',
    'cli',
  ].map((name) => [`publint ${name}`, 'publint', [`packages/${name}`]]),
  ['types of the packages', 'node', ['scripts/attw.mjs']],
  ['size of the bundles', 'size-limit', []],
  ['tests', 'vitest', ['run']],
  ['examples', 'node', ['scripts/run-examples.mjs']],
  ['one suite on every runtime', 'node', ['scripts/runtimes.mjs']],
  ['other versions of Node', 'node', ['scripts/node-matrix.mjs']],
];

const skipTests = process.argv.includes('--after-tests');
for (const [label, command, args] of steps) {
  if (skipTests && label === 'tests') continue;
  const started = performance.now();
  console.log(`\n── ${label}`);
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (error) console.error(error.message);
  if (status !== 0) {
    console.error(`── ${label}: failed`);
    process.exit(1);
  }
  console.log(`── ${label}: fine (${((performance.now() - started) / 1000).toFixed(1)} s)`);
}
