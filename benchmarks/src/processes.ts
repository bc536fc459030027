import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The URL that a server prints once it listens. */
export function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk) => {
      const url = /http:\/\/\S+/.exec(String(chunk))?.[0];
      if (url !== undefined) resolve(url);
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
}

/** Resolves when a process has ended. */
export function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('exit', () => resolve());
  });
}

/** CPU time of a process so far, user and system, in milliseconds, in steps of ten; with that of its children that have ended. */
export function cpuMsOf(pid: number | undefined, options: { ended?: boolean } = {}): number {
  // After the name, which may contain anything: the 14th to 17th field, in hundredths of a second.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  const own = Number(fields[11]) + Number(fields[12]);
  return (options.ended === true ? own + Number(fields[13]) + Number(fields[14]) : own) * 10;
}

/** Resident memory of a process now, in megabytes. */
export function rssMbOf(pid: number | undefined): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}
