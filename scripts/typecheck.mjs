// Checks all types: the sources as one program, and each service with a catalog of its own separately, as services of others
// would be, two of them with their own settings. The type tests see the build, so build first. The compiler's state is kept in
// `.turbo`, so that a second run looks only at what has changed. The examples of the doc comments and of the pages are checked as
// modules of their own.
// TypeScript 7 takes a third of the time of TypeScript 6, which only checks what 7 no longer supports. 6 also builds the
// declarations, and the repository's tests of itself use its API, which 7 does not have.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { examplesIn, examplesOfPage, moduleOf, nameOf } from './examples.ts';

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
  'scripts/types/pages',
];
const ONLY_6 = new Set(['scripts/types/node10']);
const EXAMPLES = '.turbo/examples';
const PAGES = '.turbo/pages';
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

/** Writes the examples of all packages and pages as modules, each under the name of its place. */
function writeExamples() {
  const sources = listed('packages/*/src/**.ts').filter((name) => !name.endsWith('.test.ts'));
  writeModules(EXAMPLES, sources, examplesIn);
  // The steps of the guide for developers are followed by a test.
  const pages = listed('README.md', 'docs/*.md', 'packages/*/README.md').filter(
    (name) => name !== 'docs/DEVELOPER_GUIDE.md',
  );
  writeModules(PAGES, pages, examplesOfPage);
}

function writeModules(folder, files, examplesOf) {
  rmSync(join(root, folder), { recursive: true, force: true });
  mkdirSync(join(root, folder), { recursive: true });
  for (const file of files)
    for (const example of examplesOf(file, readFileSync(join(root, file), 'utf8')))
      writeFileSync(join(root, folder, nameOf(example)), moduleOf(example, folder));
}

function listed(...patterns) {
  const names = execFileSync('git', ['ls-files', ...patterns], { cwd: root, encoding: 'utf8', maxBuffer: 1e8 });
  return names.split('\n').filter((name) => name !== '');
}
