import { type ChildProcess, type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { createInvestigator, type Investigator } from '@pik/sdk/investigator';
import { afterAll, beforeAll } from 'vitest';

const main = join(import.meta.dirname, '../dist/main.js');

/** A `pik` process. */
export interface Pik {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** The exit code, or the signal that ended the process. */
  readonly ended: Promise<number | string>;
}

/** Starts `pik` with arguments. */
export function startPik(args: readonly string[], env: Record<string, string> = {}): Pik {
  // Node prints a warning if both are set.
  const { FORCE_COLOR: _, ...inherited } = process.env;
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...inherited, NO_COLOR: '1', ...env },
  });
  return followed(child);
}

function followed(child: ChildProcessByStdio<Writable, Readable, Readable>): Pik {
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  const ended = new Promise<number | string>((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'lost')),
  );
  return { child, stdout: () => stdout, stderr: () => stderr, ended };
}

/** Whether `startInTerminal` works here. */
export const hasTerminals = spawnSync('script', ['--version']).status === 0;
if (!hasTerminals) console.log('tests on a terminal are skipped: no script (apt-get install bsdutils)');

/** Starts `pik` on a terminal of its own, as `script` makes one; what the terminal shows is its standard output. */
export function startInTerminal(args: readonly string[], env: Record<string, string> = {}): Pik {
  const quoted = [process.execPath, main, ...args].map((part) => `'${part}'`).join(' ');
  // `exec`: a shell that waits would be interrupted too, and dash then ends with 130 whatever its child answers.
  const child = spawn('script', ['-qefc', `exec ${quoted}`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, TERM: 'xterm', ...env },
  });
  return followed(child);
}

/** Runs `pik` until it exits. */
export async function pik(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number | string; stdout: string; stderr: string }> {
  const started = startPik(args, env);
  started.child.stdin?.end();
  const code = await started.ended;
  return { code, stdout: started.stdout(), stderr: started.stderr() };
}

/** A served kit. */
export type ServedPik = Pik & { readonly url: string };

/** A server whose only thread does everything starts in half the time. */
const ONE_THREAD = ['--readers', '0', '--parsers', '0'];

/**
 * Starts `pik serve` in one thread on a free port, and waits until it listens. For tests that are not about threads: the others
 * are `serveWithThreads` and `readers.e2e.test.ts`.
 */
export function serve(dir: string, args: readonly string[] = [], env: Record<string, string> = {}): Promise<ServedPik> {
  return serveWithThreads(dir, [...ONE_THREAD, ...args], env);
}

/** Starts `pik serve` with its usual threads on a free port, and waits until it listens. */
export async function serveWithThreads(
  dir: string,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<ServedPik> {
  const started = startPik(['serve', '--port', '0', '--data', dir, ...args], env);
  const url = await new Promise<string>((resolve, reject) => {
    started.child.stdout?.on('data', () => {
      const found = /http:\/\/\S+/.exec(started.stdout())?.[0];
      if (found !== undefined) resolve(found);
    });
    void started.ended.then((code) => reject(new Error(`pik serve ended with ${code}: ${started.stderr()}`)));
  });
  return { ...started, url };
}

/** An answer to events of one request, read to its end: a server that stops waits for a slow reader. */
export interface Sent {
  readonly status: number;
  readonly answer: { readonly counts?: Record<string, number>; readonly code?: string };
}

/** Sends events in one request: objects, or lines of JSON. */
export async function sendEvents(url: string, events: readonly (object | string)[]): Promise<Sent> {
  const headers = { 'content-type': 'application/x-ndjson' };
  const lines = events.map((event) => (typeof event === 'string' ? event : JSON.stringify(event)));
  const response = await fetch(`${url}/ingest`, { method: 'POST', headers, body: lines.join('\n') });
  return { status: response.status, answer: await response.json() };
}

/** Creates a data directory. */
export function temporaryDir(): string {
  return mkdtempSync(join(tmpdir(), 'pik-e2e-'));
}

/** A kit that is served while the tests of a file run. */
export interface ServedKit {
  readonly url: string;
  readonly ask: Investigator;
}

/** Serves a kit from the first test of the calling file to its last, with a config as an object if one is given. */
export function servedKit({ config, apiKey }: { config?: object; apiKey?: string } = {}): ServedKit {
  const dir = temporaryDir();
  const kit = { url: '', ask: createInvestigator({ url: 'http://127.0.0.1' }) };
  let server: Pik | null = null;
  beforeAll(async () => {
    const file = join(dir, 'pik.config.ts');
    if (config !== undefined) writeFileSync(file, `export default ${JSON.stringify(config)};\n`);
    const started = await serve(join(dir, 'data'), config === undefined ? [] : ['--config', file]);
    server = started;
    kit.url = started.url;
    kit.ask = createInvestigator({ url: started.url, ...(apiKey === undefined ? {} : { apiKey }) });
  });
  afterAll(async () => {
    server?.child.kill('SIGTERM');
    await server?.ended;
    rmSync(dir, { recursive: true });
  });
  return kit;
}
