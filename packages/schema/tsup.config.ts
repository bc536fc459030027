import { defineConfig } from 'tsup';

const shared = { target: 'node20' } as const;

export default defineConfig([
  // A file for each of ours, so that bundlers leave out what is not used: a producer needs none of the questions.
  {
    ...shared,
    entry: ['src/*.ts', '!src/*.test.ts'],
    format: ['esm'],
    splitting: true,
    treeshake: { moduleSideEffects: false },
    dts: { entry: 'src/index.ts' },
    clean: true,
  },
  { ...shared, entry: ['src/index.ts'], format: ['cjs'], dts: true },
]);
