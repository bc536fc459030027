import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cpuMsOf, ended, listening } from './processes.ts';

/** A PostgreSQL of its own, with the collector in front of it. */
export interface ServedPostgres {
  readonly url: string;
  readonly version: string;
  /** CPU time so far of the collector and all processes of PostgreSQL, in milliseconds. */
  cpuMs(): number;
  /** The size of the table and its indexes, in bytes. */
  bytes(): number;
  stop(): Promise<void>;
}

/** Starts PostgreSQL with its default settings in an empty folder, and the collector; null if it is not installed. */
export async function servePostgres(dir: string): Promise<ServedPostgres | null> {
  const bin = binariesOf();
  if (bin === null) return null;
  const owner = ownerOf();
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if ('uid' in owner) chownSync(dir, owner.uid, owner.gid);
  const data = join(dir, 'data');
  execFileSync(join(bin, 'initdb'), ['-U', 'postgres', '-D', data], { ...owner, cwd: dir, stdio: 'ignore' });
  const server = spawn(join(bin, 'postgres'), ['-D', data, '-k', dir, '-h', ''], {
    ...owner,
    cwd: dir,
    stdio: 'ignore',
  });
  const psql = (sql: string) =>
    execFileSync(join(bin, 'psql'), ['-h', dir, '-U', 'postgres', '-Atc', sql], { encoding: 'utf8' }).trim();
  await untilReady(() => psql('SELECT 1'), server);
  const collector = spawn(process.execPath, [join(import.meta.dirname, 'postgres-collector.mjs'), dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await listening(collector);
  return {
    url,
    version: psql('SHOW server_version'),
    cpuMs: () => cpuMsOf(collector.pid) + familyMs(server.pid),
    bytes: () => Number(psql(`SELECT pg_total_relation_size('event')`)),
    async stop() {
      collector.kill('SIGTERM');
      await ended(collector);
      // A fast shutdown: it does not wait for clients.
      server.kill('SIGINT');
      await ended(server);
    },
  };
}

/** The folder of the installed binaries of the newest version. */
function binariesOf(): string | null {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(a) - Number(b)) : [];
  const newest = versions.at(-1);
  return newest === undefined ? null : join(root, newest, 'bin');
}

/** PostgreSQL refuses to run as root: its own user does it then. */
function ownerOf(): { uid: number; gid: number } | object {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

async function untilReady(ask: () => void, server: ChildProcess): Promise<void> {
  for (;;) {
    if (server.exitCode !== null) throw new Error(`PostgreSQL ended with ${server.exitCode}`);
    try {
      return ask();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** The CPU time of a process and its children, those that have ended included. */
function familyMs(pid: number | undefined): number {
  let sum = cpuMsOf(pid, { ended: true });
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const fields = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      if (Number(fields[1]) === pid) sum += cpuMsOf(Number(name));
    } catch {
      // It ended meanwhile, and its parent counts it.
    }
  }
  return sum;
}
