// One suite over what was built, on every runtime that the main entry is promised for: Node 20, 22 and 24, Deno, Bun, and
// headless Chromium where the system has it. A line says which ones are left out.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { build } from 'esbuild';

import { BUN, bun, DENO, DENO_ARGS, deno, isSupported, nodeOf } from './runtimes/installed.mjs';
import { startSink } from './runtimes/sink.mjs';

const LIMIT_MS = 120_000;
const root = join(import.meta.dirname, '..');
const host = join(root, 'scripts/runtimes/host.mjs');
const vectors = join(root, 'packages/schema/vectors/identity.json');

const hosts = isSupported
  ? [
      { name: 'Node 20', program: nodeOf('20'), args: [] },
      { name: 'Node 22', program: nodeOf('22'), args: [] },
      { name: `Node ${process.versions.node}`, program: process.execPath, args: [] },
      { name: `Deno ${DENO}`, program: deno(), args: DENO_ARGS },
      { name: `Bun ${BUN}`, program: bun(), args: [] },
    ]
  : [{ name: `Node ${process.versions.node}`, program: process.execPath, args: [] }];
if (!isSupported) console.log('SKIPPED: other runtimes; they come as packages for Linux on x64 only');

let failed = 0;
for (const { name, program, args } of hosts) {
  if (program === null) {
    console.log(`SKIPPED: ${name} could not be installed`);
    continue;
  }
  const sink = await startSink('');
  const { said, code } = await run(program, [...args, host, sink.url, vectors]);
  sink.close();
  tell(name, code === 0 ? said : `ended with ${code}: ${said}`);
}
await inChromium();
process.exit(failed === 0 ? 0 : 1);

function tell(name, said) {
  const ok = /^held: \d+$/.test(said);
  console.log(`${name}: ${said}`);
  if (!ok) failed += 1;
}

/** Ends what does not end by itself: a timer of the producer may not keep a process alive. */
function run(program, args) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ said: text.trim().split('\n').at(-1), code: code ?? signal });
    });
  });
}

async function inChromium() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const program = folders.map((dir) => join(dir, 'chromium')).find(existsSync);
  if (program === undefined) {
    console.log('SKIPPED: headless Chromium; there is no `chromium` on the PATH');
    return;
  }
  const bundle = await build({
    entryPoints: [join(root, 'scripts/runtimes/page.mjs')],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  });
  const sink = await startSink(bundle.outputFiles[0].text);
  const profile = mkdtempSync(join(tmpdir(), 'pik-chromium-'));
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'];
  const quiet = [
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--disable-dev-shm-usage',
  ];
  const args = [...flags, ...quiet, `--user-data-dir=${profile}`, `${sink.url}/page`];
  const browser = spawn(program, args, { stdio: 'ignore' });
  const ended = new Promise((resolve) => browser.on('close', resolve));
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve('nothing within the time limit'), LIMIT_MS);
  });
  tell('Chromium', await Promise.race([sink.said, late, ended.then((code) => `ended with ${code}`)]));
  clearTimeout(timer);
  browser.kill('SIGKILL');
  await ended;
  sink.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}
