// Installs the tarballs that would be published into empty projects, and runs them against the command line's own server, also
// from its tarball: both module systems, Bun, Deno, Express 4 and 5, Fastify, and a strict compiler.
// node scripts/release/installed.mjs   (after `npm run build`; needs a registry)
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { bun, DENO_ARGS, deno, isSupported, nodeOf } from '../runtimes/installed.mjs';
import { stage } from './stage.mjs';

const LIMIT_MS = 120_000;
const projects = join(import.meta.dirname, 'projects');
const packages = stage();
const scope = packages[0].name.split('/')[0];
const named = new Map(packages.map((one) => [one.name.split('/')[1], one]));
const dir = mkdtempSync(join(tmpdir(), 'pik-installed-'));
process.on('exit', () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));

for (const { name, folder } of packages) checkReadme(name, folder);
const here = process.execPath;
const nodes = isSupported ? [nodeOf('22'), here] : [here];
const producers = ['schema', 'aggregates', 'sdk'];

const cli = project('cli', ['cli', 'engine', 'render', 'console', 'taps', 'mcp', 'verifier', ...producers], []);
const pik = join(cli, 'node_modules', scope, 'cli/dist/main.js');
for (const node of nodes.filter((path) => path !== null)) {
  const version = execFileSync(node, [pik, '--version'], { encoding: 'utf8' });
  const server = await serve(node);
  run('status', node, [pik, 'status', '--url', server.url], /./);
  await server.stop();
  run('demo', node, [pik, 'demo', '--once'], /version 2: 259 +with it/);
  console.log(`${version.trim()}: serves from its tarball`);
}

const server = await serve(here);
const service = project('service', producers, ['typescript@5.9.3', '@types/node@24', 'zod@4']);
for (const file of ['service.mjs', 'service.cjs'])
  for (const node of [...new Set([isSupported ? nodeOf('20') : null, ...nodes])].filter((path) => path !== null))
    run(`${file} on ${versionOf(node)}`, node, [file, server.url, `${versionOf(node)}`], /^held$/m, service);
if (isSupported) {
  run('service.mjs on Bun', bun(), ['service.mjs', server.url, 'bun'], /^held$/m, service);
  run('service.mjs on Deno', deno(), [...DENO_ARGS, 'service.mjs', server.url, 'deno'], /^held$/m, service);
}
const strict = [
  '--strict',
  '--noEmit',
  '--exactOptionalPropertyTypes',
  '--noUncheckedIndexedAccess',
  '--target',
  'es2023',
];
for (const [module, resolution] of [
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
]) {
  const how = ['--module', module, '--moduleResolution', resolution];
  run(`types, ${resolution}`, here, ['node_modules/typescript/bin/tsc', ...strict, ...how, 'strict.ts'], /^$/, service);
}

for (const [name, ours, theirs] of [
  ['express', 'express-middleware', 'express@4'],
  ['express', 'express-middleware', 'express@5'],
  ['fastify', 'fastify-plugin', 'fastify@5'],
]) {
  const folder = project(theirs, [...producers, 'request-events', ours], [theirs]);
  run(theirs, here, [`${name}.mjs`, server.url, theirs], /^held$/m, folder);
}
await server.stop();
const small = project('sdk-alone', producers, []);
console.log(
  `what the SDK installs: ${(sizeOf(join(small, 'node_modules')) / 1e6).toFixed(1)} MB in ${countOf(small)} packages`,
);

/** An empty project with the tarballs of some packages, and all programs, which name the published scope. */
function project(name, ours, theirs) {
  const folder = join(dir, name);
  mkdirSync(folder);
  for (const file of readdirSync(projects))
    writeFileSync(join(folder, file), readFileSync(join(projects, file), 'utf8').replaceAll('@pik/', `${scope}/`));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'a-project', private: true, type: 'module' }));
  const tarballs = ours.map((one) => named.get(one).tarball);
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...tarballs, ...theirs];
  execFileSync('npm', args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  return folder;
}

async function serve(node) {
  const data = join(dir, `data-${Math.random()}`);
  const child = spawn(node, [pik, 'serve', '--port', '0', '--data', data], {
    cwd: cli,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const url = await new Promise((resolve, reject) => {
    const seen = [];
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        seen.push(line);
        const found = /http:\/\/127\.0\.0\.1:\d+/.exec(line);
        if (found) resolve(found[0]);
      });
    child.on('exit', (code) => reject(new Error(`serve ended with ${code}: ${seen.join('\n')}`)));
  });
  const stop = async () => {
    child.removeAllListeners('exit');
    child.kill('SIGTERM');
    await once(child, 'exit');
  };
  return { url, stop };
}

function run(what, program, args, expected, cwd = cli) {
  const child = spawnSync(program, args, { cwd, encoding: 'utf8', timeout: LIMIT_MS });
  assert.equal(child.status, 0, `${what}: ${child.stdout}${child.stderr}`);
  assert.match(child.stdout.trim(), expected, what);
  console.log(`${what}: ok`);
}

function checkReadme(name, folder) {
  const text = readFileSync(join(folder, 'README.md'), 'utf8');
  for (const [part, pattern] of [
    ['how to install it', new RegExp(`npm install .*${name}|npx ${name}`)],
    ['an example', /^```(?:ts|sh|js)/m],
    ['a link to the documentation', /https:\/\//],
  ])
    assert.match(text, pattern, `${name}: its README has ${part}`);
  assert.doesNotMatch(text, /\]\(\.\.?\//, `${name}: its README has no link into the repository's folders`);
}

function versionOf(node) {
  return execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
}

function sizeOf(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}

function countOf(folder) {
  const { packages: all } = JSON.parse(readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8'));
  return Object.keys(all).length;
}
