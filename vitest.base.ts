import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

import { LongestFirst } from './scripts/vitest/longest-first.ts';
import { useTemporaryDir } from './scripts/vitest/temporary-dir.ts';

/** Tests run on the sources: the same paths as the type checker's. */
const { compilerOptions } = JSON.parse(readFileSync(new URL('tsconfig.json', import.meta.url), 'utf8')) as {
  compilerOptions: { paths: Record<string, [string]> };
};
const alias = Object.entries(compilerOptions.paths).map(([name, [file]]) => ({
  find: new RegExp(`^${name.replace('*', '(.*)')}$`),
  replacement: resolve(import.meta.dirname, file.replace('*', '$1')),
}));

/** Seed of the random histories in this run; a failing one prints the command that replays it. */
const seed = process.env.FC_SEED ?? String(randomInt(2 ** 31));
const budget = process.env.PIK_BUDGET ?? 'commit';
console.log(`random histories: PIK_BUDGET=${budget} FC_SEED=${seed}`);

useTemporaryDir(budget);

/** Ends tests that hang. Generous, because a test that is merely slow on a busy machine must pass. */
const HUNG_MS = (budget === 'nightly' ? 120 : 15) * 60_000;

/** The settings of every run of tests; each config adds the files that it runs. */
export default defineConfig({
  resolve: { alias },
  test: {
    typecheck: { enabled: false },
    // The environment's colour settings and the user's profiles affect no test.
    env: { NO_COLOR: '1', PIK_CONFIG_DIR: '/nonexistent', PIK_BUDGET: budget, FC_SEED: seed },
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: HUNG_MS,
    hookTimeout: HUNG_MS,
    sequence: { sequencer: LongestFirst },
  },
});
