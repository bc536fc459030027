import { mergeConfig } from 'vitest/config';

import base from './vitest.config.ts';

/**
 * The tests that a mutant is run against: those of the backend, without the ones that start processes or need real data,
 * and with input that is the same in every run, so that no mutant lives or dies by chance. `MUTATE_TESTS` names fewer, as
 * patterns with commas between them.
 */
const config = mergeConfig(base, {
  test: { setupFiles: ['scripts/fixed-seed.ts'], env: { PIK_BUDGET: 'full', FC_SEED: '1' } },
});
// biome-ignore lint/suspicious/noUndeclaredEnvVars: it is set by hand, and no task of turbo reads it
config.test.include = process.env.MUTATE_TESTS?.split(',') ?? ['packages/engine/{src,test}/**/*.test.ts'];
config.test.exclude = [
  ...config.test.exclude,
  '**/*.{e2e,data}.test.ts',
  'packages/engine/test/aws/**',
  'packages/engine/src/{backends/aws,http,telemetry}/**',
];
export default config;
