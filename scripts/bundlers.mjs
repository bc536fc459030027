// The file of a producer's thread, with each bundler that docs/producer.md names: with the documented line the thread works;
// in one bundled file, away from the packages, the producer does without it and says so once. `node scripts/bundlers.mjs [name…]`
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build as esbuild } from 'esbuild';

import { installed } from './runtimes/installed.mjs';
import { startSink } from './runtimes/sink.mjs';

const NEXT = '16.4.6';
const REACT = '19.3.1';
const WEBPACK = '5.113.0';
const ROLLUP = '4.67.4';
const ROLLUP_RESOLVE = '16.0.3';
const EXTERNAL = ['@pik/sdk'];
const root = join(import.meta.dirname, '..');

/** The service: it says how its events ended, whether a thread sent them, and what the producer warned of. */
const serviceOf = (url) => `import { createProducer } from '@pik/sdk';

export async function serve() {
  const threads = [];
  process.on('worker', (worker) => threads.push(worker));
  const warnings = [];
  const log = ({ level, event }) => level === 'warn' && warnings.push(event);
  const producer = createProducer({ url: '${url}', source: 'bundled', thread: 'always', log });
  const sents = Array.from({ length: 10 }, (_, n) => producer.emit('t', { n }, { entity_id: 'e' }));
  const results = await Promise.all(sents.map(({ result }) => result));
  // The file of the thread is loaded while the first events are sent; a missing one is known by the next.
  const last = await producer.emit('t', { n: 10 }, { entity_id: 'e' }).result;
  await producer.close();
  const acked = [...results, last].filter(({ status }) => status === 'ACCEPTED').length;
  return { acked, threads: threads.length, warnings };
}
`;

const say = `import { serve } from './service.js';\nserve().then((said) => console.log(JSON.stringify(said)));\n`;

/** Each makes `out/main.mjs` or `.cjs` of `main.js`, with the SDK left out or within, and returns the name. */
const BUNDLERS = {
  async esbuild(app, external) {
    const common = { entryPoints: [join(app, 'main.js')], bundle: true, platform: 'node', external };
    await esbuild({ ...common, format: 'esm', outfile: join(app, 'out/main.mjs') });
    return 'main.mjs';
  },
  async 'esbuild, CommonJS'(app, external) {
    const common = { entryPoints: [join(app, 'main.js')], bundle: true, platform: 'node', external, logLevel: 'error' };
    await esbuild({ ...common, format: 'cjs', outfile: join(app, 'out/main.cjs') });
    return 'main.cjs';
  },
  async webpack(app, external) {
    const webpack = toolOf({ folder: `webpack-${WEBPACK}`, packages: [`webpack@${WEBPACK}`], name: 'webpack' });
    const externals = Object.fromEntries(external.map((name) => [name, `module ${name}`]));
    const output = { path: join(app, 'out'), filename: 'main.mjs', module: true, chunkFormat: 'module' };
    const options = { mode: 'production', target: 'node20', context: app, entry: './main.js', externals, output };
    await new Promise((resolve, reject) => {
      webpack({ ...options, experiments: { outputModule: true } }, (error, stats) => {
        if (error || stats.hasErrors()) reject(error ?? new Error(stats.toString()));
        else resolve();
      });
    });
    return 'main.mjs';
  },
  async rollup(app, external) {
    const resolver = '@rollup/plugin-node-resolve';
    const packages = [`rollup@${ROLLUP}`, `${resolver}@${ROLLUP_RESOLVE}`];
    const tools = { folder: `rollup-${ROLLUP}`, packages };
    const { rollup } = toolOf({ ...tools, name: 'rollup' });
    const { nodeResolve } = toolOf({ ...tools, name: resolver });
    const bundle = await rollup({ input: join(app, 'main.js'), external, plugins: [nodeResolve()] });
    await bundle.write({ file: join(app, 'out/main.mjs'), format: 'es', inlineDynamicImports: true });
    return 'main.mjs';
  },
  async Vite(app, external) {
    const { build } = await import('vite');
    const ssr = external.length > 0 ? { external } : { noExternal: true };
    const output = { ssr: 'main.js', outDir: 'out', rollupOptions: { output: { entryFileNames: 'main.mjs' } } };
    await build({ root: app, configFile: false, logLevel: 'error', ssr, build: output });
    return 'main.mjs';
  },
};

const wanted = process.argv.slice(2);
const isWanted = (name) => wanted.length === 0 || wanted.includes(name);
const sink = await startSink('');
const env = { ...process.env, NODE_ENV: 'production', NODE_OPTIONS: '' };
for (const name of ['VITEST', 'JEST_WORKER_ID', 'NODE_TEST_CONTEXT']) delete env[name];
let isFine = true;
for (const [name, build] of Object.entries(BUNDLERS)) {
  if (!isWanted(name)) continue;
  for (const external of [EXTERNAL, []]) {
    const app = newApp({ 'main.js': say });
    const file = await build(app, external);
    if (external.length === 0) rmSync(join(app, 'node_modules'), { recursive: true });
    check(name, external, await output('node', [join(app, 'out', file)], app));
    rmSync(app, { recursive: true });
  }
}
if (isWanted('Next.js')) {
  const said = await next();
  check('Next.js', EXTERNAL, said);
}
sink.close();
process.exit(isFine ? 0 : 1);

function check(name, external, text) {
  const hasThread = external.length > 0;
  const said = JSON.parse(text.trim().split('\n').at(-1) || 'null');
  const warnings = hasThread ? [] : ['thread_unavailable'];
  const isRight =
    said?.acked === 11 &&
    (!hasThread || said.threads === 1) &&
    JSON.stringify(said.warnings) === JSON.stringify(warnings);
  console.log(`${name}, ${hasThread ? 'the SDK outside' : 'in one file'}: ${isRight ? 'fine' : `WRONG: ${text}`}`);
  isFine &&= isRight;
}

/** A folder with the built packages, the service, and these files. */
function newApp(files) {
  const app = mkdtempSync(join(tmpdir(), 'pik-bundlers-'));
  for (const name of ['schema', 'sdk', 'aggregates'])
    for (const part of ['package.json', 'dist'])
      cpSync(join(root, 'packages', name, part), join(app, 'node_modules/@pik', name, part), { recursive: true });
  cpSync(join(root, 'node_modules/zod'), join(app, 'node_modules/zod'), { recursive: true });
  writeFileSync(join(app, 'service.js'), serviceOf(`${sink.url}/plain`));
  writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'app', type: 'module', private: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(app, name), text);
  return app;
}

/** A module of packages that only this script needs. */
function toolOf({ folder, packages, name }) {
  const found = installed({ folder, specs: packages, program: `${name}/package.json` });
  if (found === null) throw new Error(`${name} could not be installed`);
  return createRequire(found)(name);
}

/** Everything that a program writes. */
function output(program, args, cwd) {
  return new Promise((resolve) => {
    const child = spawn(program === 'node' ? process.execPath : program, args, { cwd, env });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
    child.on('close', () => resolve(text));
  });
}

/** Builds and starts an app with one route, which is the service. */
async function next() {
  const specs = [`next@${NEXT}`, `react@${REACT}`, `react-dom@${REACT}`];
  const program = installed({ folder: `next-${NEXT}`, specs, program: 'next/dist/bin/next' });
  if (program === null) throw new Error('Next.js could not be installed');
  const app = newApp({
    'next.config.mjs': `export default { serverExternalPackages: ${JSON.stringify(EXTERNAL)} };\n`,
  });
  mkdirSync(join(app, 'app/api'), { recursive: true });
  const route = `import { serve } from '../../service.js';\nexport const dynamic = 'force-dynamic';\nexport const GET = async () => Response.json(await serve());\n`;
  writeFileSync(join(app, 'app/api/route.js'), route);
  writeFileSync(join(app, 'app/layout.js'), 'export default ({ children }) => <html><body>{children}</body></html>;\n');
  const packages = join(program, '../../../..');
  cpSync(packages, join(app, 'node_modules'), { recursive: true, force: false });
  const cli = join(app, 'node_modules/next/dist/bin/next');
  const built = spawnSync(process.execPath, [cli, 'build'], { cwd: app, env, encoding: 'utf8' });
  if (built.status !== 0) return built.stdout + built.stderr;
  const server = spawn(process.execPath, [cli, 'start', '--port', '0', '--hostname', '127.0.0.1'], { cwd: app, env });
  try {
    const url = await new Promise((resolve, reject) => {
      let text = '';
      server.stdout.on('data', (chunk) => {
        text += chunk;
        const found = /http:\/\/(?:127\.0\.0\.1|localhost):\d+/.exec(text);
        if (found !== null) resolve(found[0]);
      });
      server.on('exit', () => reject(new Error(text)));
    });
    return await (await fetch(`${url}/api`)).text();
  } finally {
    server.kill();
    rmSync(app, { recursive: true, force: true });
  }
}
