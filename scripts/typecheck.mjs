// Checks all types: the sources as one program, and each service with a catalog of its own separately, as services of others
// would be, two of them with their own settings. The type tests see the build, so build first. The compiler's state is kept in
// `.turbo`, so that a second run looks only at what has changed. The examples of the doc comments are checked as modules of their own.
// TypeScript 7 takes a third of the time of TypeScript 6, which only checks what 7 no longer supports. 6 also builds the
// declarations, and the repository's tests of itself use its API, which 7 does not have.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { examplesIn, moduleOf, nameOf } from './examples.ts';

const root = join(import.meta.dirname, '..');
const PROJECTS = [
  'tsconfig.json',
  'examples/express-orders',
  'examples/fastify-orders',
  'packages/express-middleware/test/types',
  'packages/fastify-plugin/test/types',
  'scripts/types/exact',
  'scripts/types/node10',
  'scripts/types/examples',
];
const ONLY_6 = new Set(['scripts/types/node10']);
const EXAMPLES = '.turbo/examples';
let failed = false;
writeExamples();
for (const project of PROJECTS) {
  const found = join('.turbo/types', `${project.replaceAll('/', '-')}.tsbuildinfo`);
  const args = ['-p', project, '--noEmit', '--incremental', '--tsBuildInfoFile', found];
  // Both packages bring a `tsc`.
  const compiler = join(root, 'node_modules', ONLY_6.has(project) ? 'typescript' : 'typescript-7', 'bin/tsc');
  const { status } = spawnSync(process.execPath, [compiler, ...args], { cwd: root, stdio: 'inherit' });
  if (status !== 0) console.error(`types of ${project}: failed`);
  failed ||= status !== 0;
}
process.exit(failed ? 1 : 0);

/** Writes the examples of all packages as modules, each under the name of its place. */
function writeExamples() {
  rmSync(join(root, EXAMPLES), { recursive: true, force: true });
  mkdirSync(join(root, EXAMPLES), { recursive: true });
  const listed = execFileSync('git', ['ls-files', 'packages/*/src/**.ts'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1e8,
  });
  for (const file of listed.split('\n').filter((name) => name !== '' && !name.endsWith('.test.ts')))
    for (const example of examplesIn(file, readFileSync(join(root, file), 'utf8')))
      writeFileSync(join(root, EXAMPLES, nameOf(example)), moduleOf(example, EXAMPLES));
}
