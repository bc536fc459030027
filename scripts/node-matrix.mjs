// The lowest versions that `engines` name: what was built of schema, sdk and middleware on Node 20.0, and on Node 22.0, the last
// to tell ES modules from CommonJS; with `--all`, the tests on Node 22.18 too. Node 24 is what everything else runs on.
import { spawnSync } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';

import { isSupported, nodeOf } from './runtimes/installed.mjs';

const root = join(import.meta.dirname, '..');

if (!isSupported) {
  console.log('other versions of Node: skipped, they come as packages for Linux on x64 only');
  process.exit(0);
}
// Random histories, kills and real data say nothing about a version of Node.
const LONG = ['kill.e2e', 'replay.e2e', 'property.test', 'data.test', 'tidy'];
// The deployed functions run on Node 24 only.
const left = [...LONG.map((name) => `**/*${name}*`), '**/deploy/test/**', '**/test/aws/**', '**/test/lambda/**'];
const quick = ['vitest', 'run', ...left.flatMap((glob) => ['--exclude', glob])];
for (const version of ['20.0.0', '22.0.0'])
  for (const script of ['smoke', 'smoke-middleware', 'smoke-loads', 'smoke-cli'])
    run(version, ['node', `scripts/${script}.mjs`]);
if (process.argv.includes('--all')) run('22.18.0', quick);

function run(version, [command, ...args]) {
  const node = nodeOf(version);
  if (node === null) process.exit(1);
  const bin = dirname(node);
  // `node` must be this version, and the tools are scripts that ask the PATH for `node`.
  const env = { ...process.env, PATH: [bin, process.env.PATH].join(delimiter) };
  const program = command === 'node' ? args : [join(root, 'node_modules', command, `${command}.mjs`), ...args];
  const { status } = spawnSync(node, program, { cwd: root, env, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
  console.log(`Node ${version}: fine`);
}
