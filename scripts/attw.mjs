// Whether the types of each package arrive, in every way of importing it that it offers.
import { spawnSync } from 'node:child_process';

const packages = {
  schema: 'node16',
  sdk: 'node16',
  'request-events': 'node16',
  'express-middleware': 'node16',
  'fastify-plugin': 'node16',
  handlers: 'esm-only',
  cli: 'esm-only',
};
let failed = false;
for (const [name, profile] of Object.entries(packages)) {
  // node10 is left out: it does not know of subpaths, and ended with Node 12.
  const args = ['--pack', `packages/${name}`, '--profile', profile, '--format', 'ascii', '--quiet'];
  const { status } = spawnSync('attw', args, { stdio: 'inherit' });
  console.log(`${name}: ${status === 0 ? 'fine' : 'failed'}`);
  failed ||= status !== 0;
}
process.exit(failed ? 1 : 0);
