import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A kit in its own process, with its resource use. */
export interface ServedKit {
  readonly url: string;
  /** Resident memory now, in megabytes. */
  rssMb(): number;
  /** CPU time so far, user and system, in milliseconds; in steps of ten. */
  cpuMs(): number;
  stop(): Promise<void>;
}

/** Starts `pik serve` on a free port, with further arguments. */
export async function serveKit(dir: string, more: readonly string[] = []): Promise<ServedKit> {
  const args = ['packages/cli/dist/main.js', 'serve', '--port', '0', '--data', dir, ...more];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const url = await listening(child);
  return {
    url,
    rssMb: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024,
    cpuMs: () => {
      // After the name, which may contain anything: the 14th and 15th field, in hundredths of a second.
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) * 10;
    },
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk) => {
      const url = /http:\/\/\S+/.exec(String(chunk))?.[0];
      if (url !== undefined) resolve(url);
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
}
