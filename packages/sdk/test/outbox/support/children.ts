import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'tsup';

const root = resolve(import.meta.dirname, '../../../../..');

/** Folders that are left to `tidyUp`. */
const folders: string[] = [];

/** An empty folder. */
export function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'pik-outbox-'));
  folders.push(dir);
  return dir;
}

/** Children that have not ended. */
const running = new Set<ChildProcess>();

/** Ends what a failed test left running, and removes all folders that were made. */
export function tidyUp(): void {
  for (const child of running) child.kill('SIGKILL');
  for (const dir of folders.splice(0)) rmSync(dir, { recursive: true, force: true });
}

/** The child as one small file: a thousand processes start in a fraction of the time that the whole package takes. */
export async function bundleChild(entry = join(import.meta.dirname, 'child.ts')): Promise<string> {
  const outDir = folder();
  await build({
    entry: { child: entry },
    format: 'esm',
    target: 'node20',
    outDir,
    config: false,
    silent: true,
    clean: false,
    noExternal: [/.*/],
    outExtension: () => ({ js: '.mjs' }),
    esbuildOptions(options) {
      options.alias = {
        '@pik/schema/events': join(root, 'packages/schema/src/events.ts'),
        '@pik/schema': join(root, 'packages/schema/src/index.ts'),
        '@pik/sdk/investigator': join(root, 'packages/sdk/src/investigator.ts'),
        '@pik/sdk/outbox': join(root, 'packages/sdk/src/outbox.ts'),
        '@pik/sdk': join(root, 'packages/sdk/src/index.ts'),
      };
    },
  });
  return join(outDir, 'child.mjs');
}

/** How a child ended, and what it had said. */
export interface Ended {
  readonly said: readonly Said[];
  readonly code: number | null;
  readonly signal: string | null;
  /** What it wrote to its error stream. */
  readonly errors: string;
}

/** Something that a child said. */
export interface Said {
  readonly what: string;
  readonly about: unknown;
}

/** A running child. */
export interface Child {
  readonly process: ChildProcess;
  /** Resolves when the child has said something of this kind, or has ended. */
  heard(what: string): Promise<void>;
  /** What it has said so far. */
  said(): readonly Said[];
  /** Resolves with all it said, and how it ended, when it has. */
  readonly ended: Promise<Ended>;
}

/** Starts a child, with flags for Node and variables of its environment. */
export function start(
  file: string,
  args: readonly string[],
  { flags = [], env = {} }: { flags?: readonly string[]; env?: Record<string, string | undefined> } = {},
): Child {
  const child = spawn(process.execPath, [...flags, file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  running.add(child);
  child.on('exit', () => running.delete(child));
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const said: Said[] = [];
  const waiting: { what: string; resolve: () => void }[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    const at = line.search(/ (?=[[{"\d])/);
    const what = line.slice(0, at);
    // A line that was cut off by the end of the process was not said.
    try {
      said.push({ what, about: JSON.parse(line.slice(at + 1)) });
    } catch {
      return;
    }
    for (const { resolve: heard } of waiting.filter((one) => one.what === what)) heard();
  });
  const closed = new Promise<void>((done) => lines.on('close', done));
  const ended = new Promise<Ended>((done) => {
    child.on('close', (code, signal) => {
      void closed.then(() => {
        for (const { resolve: heard } of waiting) heard();
        done({ said, code, signal, errors });
      });
    });
  });
  return {
    process: child,
    said: () => said,
    heard: (what) => new Promise((done) => waiting.push({ what, resolve: done })),
    ended,
  };
}
