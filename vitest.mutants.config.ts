import { resolve } from 'node:path';
import { mergeConfig } from 'vitest/config';

import base from './vitest.base.ts';

/** Modules that replace packages in test files while mutants are tried. */
const SHIMS: Readonly<Record<string, string>> = {
  vitest: resolve('scripts/mutants/vitest.ts'),
  'fast-check': resolve('scripts/mutants/fast-check.ts'),
};

/** One worker that keeps the tests that a mutant is run against, and all their modules, for `npm run mutate`. */
const config = mergeConfig(base, {
  plugins: [
    {
      name: 'mutants',
      enforce: 'pre',
      resolveId: (id: string, importer = '/scripts/mutants/') =>
        importer.includes('/scripts/mutants/') ? undefined : SHIMS[id],
      transform: (code: string) => code.replace('function cover() {', 'function cover() { if (ns.isCounted) return;'),
    },
  ],
  test: { pool: 'threads', isolate: false, maxWorkers: 1, env: { PIK_BUDGET: 'commit', FC_SEED: '1' } },
});
config.test.include = ['scripts/mutants/worker.ts'];
export default config;
