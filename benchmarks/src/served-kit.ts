import { spawn } from 'node:child_process';
import { cpuMsOf, ended, listening, rssMbOf } from './processes.ts';

/** A kit in its own process, with its resource use. */
export interface ServedKit {
  readonly url: string;
  /** Resident memory now, in megabytes. */
  rssMb(): number;
  /** CPU time so far, user and system, in milliseconds; in steps of ten. */
  cpuMs(): number;
  /** Ends it: in an orderly way, or as `kill -9` does. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** Starts `pik serve` on a free port, with further arguments. */
export async function serveKit(dir: string, more: readonly string[] = []): Promise<ServedKit> {
  const args = ['packages/cli/dist/main.js', 'serve', '--port', '0', '--data', dir, ...more];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const url = await listening(child);
  return {
    url,
    rssMb: () => rssMbOf(child.pid),
    cpuMs: () => cpuMsOf(child.pid),
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return ended(child);
    },
  };
}
