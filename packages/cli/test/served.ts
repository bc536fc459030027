import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

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

/** Starts `pik serve` on a free port and waits until it listens. */
export async function serve(
  dir: string,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Pik & { url: string }> {
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

/** Creates a data directory. */
export function temporaryDir(): string {
  return mkdtempSync(join(tmpdir(), 'pik-e2e-'));
}
