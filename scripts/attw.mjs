// Whether the types of each package arrive, in every way of importing it that it offers.
import { spawnSync } from 'node:child_process';

// `strict` has `moduleResolution: node` too, which knows of subpaths by `typesVersions` alone.
const checks = [
  ['schema', 'strict'],
  // vitest is an ES module only, and so is what adds to it.
  ['sdk', 'strict', '--exclude-entrypoints', 'vitest'],
  ['sdk', 'esm-only', '--entrypoints', 'vitest'],
  ['request-events', 'strict'],
  ['express-middleware', 'strict'],
  ['fastify-plugin', 'strict'],
  ['aggregates', 'strict'],
  ['engine', 'esm-only'],
  ['handlers', 'esm-only'],
  ['testkit', 'esm-only'],
  ['render', 'esm-only'],
  ['cli', 'esm-only'],
];
let failed = false;
for (const [name, profile, ...more] of checks) {
  const args = ['--pack', `packages/${name}`, '--profile', profile, '--format', 'ascii', '--quiet', ...more];
  const { status } = spawnSync('attw', args, { stdio: 'inherit' });
  console.log(`${[name, ...more].join(' ')}: ${status === 0 ? 'fine' : 'failed'}`);
  failed ||= status !== 0;
}
process.exit(failed ? 1 : 0);
