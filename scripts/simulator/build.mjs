// Builds the simulator together with the sources of the kit: the modules of Node that have effects are replaced by those of
// `platform/`, constants by smaller ones (`bounds.mjs`), and, for a planted fault, one place of a source by a faulty one.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build } from 'esbuild';

import { BOUNDS } from './bounds.mjs';

const root = join(import.meta.dirname, '../..');
const simulator = join(root, 'packages/testkit/src/simulator');

const REPLACED = {
  'node:fs': 'fs.ts',
  'node:fs/promises': 'fs-promises.ts',
  'node:sqlite': 'sqlite.ts',
  'node:timers/promises': 'timers-promises.ts',
  'node:crypto': 'crypto.ts',
  'node:readline': 'readline.ts',
};
/** They have no effects. */
const KEPT = new Set(['path', 'util', 'zlib', 'url', 'events', 'buffer', 'stream'].map((name) => `node:${name}`));

/**
 * Writes the bundle of the simulator, and next to it, as `.names.json`, the names of all states that the sources want reached
 * (`sometimes`).
 *
 * @param {string} outfile
 * @param {readonly { file: string, from: string, to: string }[]} changes to the sources; each `from` stands once in its file
 */
export async function buildSimulator(outfile, changes = []) {
  const all = [...BOUNDS, ...changes];
  const used = new Set();
  const names = new Set();
  /** @type {import('esbuild').Plugin} */
  const plugin = {
    name: 'simulator',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^node:/ }, ({ path, importer }) => {
        if (importer.startsWith(simulator) || KEPT.has(path)) return { path, external: true };
        const replaced = REPLACED[path];
        if (replaced !== undefined) return { path: join(simulator, 'platform', replaced) };
        return { path, namespace: 'not-simulated' };
      });
      onLoad({ filter: /.*/, namespace: 'not-simulated' }, ({ path }) => ({
        contents: `module.exports = new Proxy({}, { get() { throw new Error('${path} is not simulated'); } });`,
      }));
      onLoad({ filter: /\/packages\/[^/]+\/src\/.*\.ts$/ }, ({ path }) => {
        const name = relative(root, path);
        let contents = readFileSync(path, 'utf8');
        for (const change of all.filter(({ file }) => file === name)) {
          if (contents.split(change.from).length !== 2) throw new Error(`${name} does not have once: ${change.from}`);
          contents = contents.replace(change.from, () => change.to);
          used.add(change);
        }
        for (const [, found] of contents.matchAll(/\bsometimes\('([^']+)'\)/g)) names.add(found);
        return { contents, loader: 'ts', resolveDir: dirname(path) };
      });
    },
  };
  await build({
    entryPoints: [join(simulator, 'main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    sourcemap: 'inline',
    tsconfig: join(root, 'tsconfig.json'),
    inject: [join(simulator, 'platform/timers.ts')],
    plugins: [plugin],
    external: ['@aws-sdk/*'],
    logLevel: 'error',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  writeFileSync(`${outfile}.names.json`, JSON.stringify([...names].sort()));
  const unused = all.filter((change) => !used.has(change));
  if (unused.length > 0) throw new Error(`not part of the build: ${unused.map(({ file }) => file).join(', ')}`);
}
