// Checks all types: the sources as one program, and each service with a catalog of its own separately, as services of others
// would be, two of them with their own settings. The type tests see the build, so build first. The compiler's state is kept in
// `.turbo`, so that a second run looks only at what has changed.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const PROJECTS = [
  'tsconfig.json',
  'examples/express-orders',
  'examples/fastify-orders',
  'packages/express-middleware/test/types',
  'packages/fastify-plugin/test/types',
  'scripts/types/exact',
  'scripts/types/node10',
];
let failed = false;
for (const project of PROJECTS) {
  const found = join('.turbo/types', `${project.replaceAll('/', '-')}.tsbuildinfo`);
  const args = ['-p', project, '--noEmit', '--incremental', '--tsBuildInfoFile', found];
  const { status } = spawnSync('tsc', args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) console.error(`types of ${project}: failed`);
  failed ||= status !== 0;
}
process.exit(failed ? 1 : 0);
