import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** A kit that runs as a process of its own. */
export interface ServedKit {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts `pik serve` on a free port. */
export async function serveKit(dataDir: string): Promise<ServedKit> {
  const main = join(dirname(createRequire(import.meta.url).resolve('@pik/cli')), 'main.js');
  const child = spawn(process.execPath, [main, 'serve', '--port', '0', '--data', dataDir], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return { url: await listening(child), stop: () => stop(child) };
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout?.on('data', (chunk) => {
      output += String(chunk);
      const url = /http:\/\/\S+/.exec(output)?.[0];
      if (url !== undefined) resolve(url);
    });
    child.once('exit', (code) => reject(new Error(`the kit did not start (exit code ${code})`)));
  });
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
