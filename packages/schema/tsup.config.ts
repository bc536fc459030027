import { defineConfig, type Options } from 'tsup';

const entries = ['src/index.ts', 'src/events.ts'];
const shared: Options = { target: 'node20', splitting: true, dts: { entry: entries } };

export default defineConfig([
  // A file for each of ours, so that bundlers leave out what is not used: a producer needs none of the questions.
  {
    ...shared,
    entry: ['src/*.ts', '!src/*.test.ts'],
    format: ['esm'],
    treeshake: { moduleSideEffects: false },
  },
  { ...shared, entry: entries, format: ['cjs'] },
]);
