// Whether the package in the current folder can be imported in every way that it offers, with its types: publint, then attw.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

// `strict` covers `moduleResolution: node` too, which knows of subpaths by `typesVersions` alone.
const PROFILES = {
  '@pik/schema': [['strict']],
  // vitest is an ES module only, and so is what adds to it.
  '@pik/sdk': [
    ['strict', '--exclude-entrypoints', 'vitest'],
    ['esm-only', '--entrypoints', 'vitest'],
  ],
  '@pik/request-events': [['strict']],
  '@pik/express-middleware': [['strict']],
  '@pik/fastify-plugin': [['strict']],
  '@pik/aggregates': [['strict']],
};

const { name } = JSON.parse(readFileSync('package.json', 'utf8'));
const shown = { stdio: 'inherit' };
expectPassed('publint', spawnSync('publint', ['.'], shown));
for (const [profile, ...more] of PROFILES[name] ?? [['esm-only']]) {
  const args = ['--pack', '.', '--profile', profile, '--format', 'ascii', '--quiet', ...more];
  expectPassed(`attw ${args.join(' ')}`, spawnSync('attw', args, shown));
}

function expectPassed(check, { status, error }) {
  if (status === 0) return;
  console.error(`${name}: ${check} failed${error ? `: ${error.message}` : ''}`);
  process.exit(1);
}
