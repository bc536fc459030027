// Runs every notebook of this folder against a kit of its own and compares the outputs of its cells with the stored
// ones: with `deno run`, and again with Deno's kernel if `jupyter-nbconvert` is on the path. `--write` stores them
// instead.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type CellOutput,
  codeCells,
  moduleOf,
  type Notebook,
  readNotebook,
  storedOutputs,
  withOutputs,
} from './cells.ts';
import { typeErrors } from './check-types.ts';

const ROOT = join(import.meta.dirname, '..');
const config = join(ROOT, '../earthquakes/pik.config.ts');
const pik = fileURLToPath(new URL('main.js', import.meta.resolve('@pik/cli')));
const deno = join(dirname(createRequire(import.meta.url).resolve('deno/package.json')), 'bin.cjs');

/** Runs in which a cell may lose its value before it counts as having none. */
const RUNS_MAX = 3;

let failed = 0;
const hasJupyter = spawnSync('jupyter-nbconvert', ['--version']).status === 0;
for (const name of readdirSync(ROOT).filter((file) => file.endsWith('.ipynb'))) {
  const notebook = readNotebook(join(ROOT, name));
  // Neither Deno's kernel nor `deno run` checks types.
  for (const error of typeErrors(join(ROOT, name.replace('.ipynb', '.cells.ts')), moduleOf(codeCells(notebook)))) {
    console.error(`${name}: ${error}`);
    failed += 1;
  }
  const outputs = await withKit((url) => runWithDeno(notebook, url));
  if (process.argv.includes('--write')) {
    writeFileSync(join(ROOT, name), `${JSON.stringify(withOutputs(notebook, outputs), null, 1)}\n`);
    console.log(`${name}: written`);
    continue;
  }
  report(`${name} with deno run`, outputs, notebook);
  if (hasJupyter) report(`${name} in Jupyter`, await outputsInJupyter(name, notebook), notebook);
}
if (!hasJupyter) console.log('jupyter-nbconvert is not here: the cells ran with deno run alone');
process.exit(failed === 0 ? 0 : 1);

function report(what: string, outputs: readonly CellOutput[], notebook: Notebook): void {
  const stored = storedOutputs(notebook);
  const wrong = outputs.flatMap((output, cell) => {
    const [is, was] = [lasting(output), lasting(stored[cell] ?? { stream: '', data: null })];
    return is === was ? [] : [`cell ${cell + 1} gave\n${shown(is)}\nand had\n${shown(was)}`];
  });
  console.log(`${what}: ${outputs.length} cells, ${wrong.length === 0 ? 'all as stored' : `${wrong.length} differ`}`);
  for (const text of wrong) console.error(text);
  failed += wrong.length;
}

/** An image is long, and useless as text. */
function shown(output: string): string {
  return output.length > 3_000 ? `${output.slice(0, 3_000)}…` : output;
}

/**
 * The part of an output that is the same in every run: without ids of packs and replays, and without the present time.
 */
function lasting({ stream, data }: CellOutput): string {
  const forms = data === null ? null : Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify({ stream, forms }, null, 1)
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>')
    .replace(/stored_date=[0-9-]+\/stored_hour=\d\d/g, '<hour>')
    .replace(/20(2[4-9]|[3-9]\d)-\d\d-\d\dT[0-9:.]+Z/g, '<now>')
    .replace(/\\u001b\[\d+m/g, '')
    .replace(/[ ─]+/g, ' ');
}

function runWithDeno(notebook: Notebook, url: string): CellOutput[] {
  const { status, stdout, stderr } = spawnSync(process.execPath, [deno, 'run', '-A', '-'], {
    cwd: ROOT,
    input: moduleOf(codeCells(notebook)),
    encoding: 'utf8',
    env: environment(url),
    maxBuffer: 256 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`deno ended with ${status}: ${stderr}${stdout}`);
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as CellOutput[];
}

/**
 * The outputs from Deno's kernel. On a busy machine it reports that it is idle before it returns a value, which is then
 * lost: cells without output are run again if output is stored.
 */
async function outputsInJupyter(name: string, notebook: Notebook): Promise<CellOutput[]> {
  const stored = storedOutputs(notebook);
  const isLost = (output: CellOutput, cell: number) => isEmpty(output) && !isEmpty(stored[cell] ?? output);
  let outputs = await withKit((url) => runInJupyter(name, url));
  for (let run = 1; run < RUNS_MAX && outputs.some(isLost); run++) {
    const again = await withKit((url) => runInJupyter(name, url));
    outputs = outputs.map((output, cell) => (isLost(output, cell) ? (again[cell] ?? output) : output));
  }
  return outputs;
}

function isEmpty({ stream, data }: CellOutput): boolean {
  return stream === '' && data === null;
}

function runInJupyter(name: string, url: string): CellOutput[] {
  const dir = mkdtempSync(join(tmpdir(), 'pik-notebook-'));
  // The kernel is registered for this run only.
  const env = { ...environment(url), JUPYTER_DATA_DIR: dir, JUPYTER_PATH: dir };
  try {
    run(process.execPath, [deno, 'jupyter', '--install', '--force'], env);
    run(
      'jupyter-nbconvert',
      ['--to', 'notebook', '--execute', '--output-dir', dir, '--output', 'done.ipynb', name],
      env,
    );
    return storedOutputs(readNotebook(join(dir, 'done.ipynb')));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): void {
  const { status, stderr, stdout } = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', env });
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}${stdout}`);
}

function environment(url: string): NodeJS.ProcessEnv {
  return { ...process.env, PIK_URL: url, NO_COLOR: '1', TZ: 'UTC', DENO_NO_UPDATE_CHECK: '1' };
}

async function withKit<T>(work: (url: string) => T): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'pik-notebook-'));
  const args = [pik, 'serve', '--port', '0', '--data', dir, '--config', config];
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    return work(await listening(server));
  } finally {
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill();
    await ended;
    rmSync(dir, { recursive: true, force: true });
  }
}

function listening(server: ReturnType<typeof spawn>): Promise<string> {
  return new Promise((resolve, reject) => {
    server.stdout?.on('data', (chunk) => {
      const url = /http:\/\/\S+/.exec(String(chunk))?.[0];
      if (url !== undefined) resolve(url);
    });
    server.once('exit', (code) => reject(new Error(`the kit ended with ${code}`)));
  });
}
