import { defineConfig, type Options } from 'tsup';

const entries = ['src/index.ts', 'src/events.ts', 'src/words.ts'];
const shared: Options = { target: 'node20', splitting: true, dts: { entry: entries } };

export default defineConfig([
  // A file for each of ours, so that bundlers leave out what is not used: an investigator needs a few of the questions.
  {
    ...shared,
    entry: ['src/*.ts', '!src/*.test.ts', '!src/events.ts'],
    format: ['esm'],
    treeshake: { moduleSideEffects: false },
  },
  // One file, because a producer needs nearly all of it, and opening twenty files took most of the time of its start.
  { ...shared, dts: false, entry: ['src/events.ts'], format: ['esm'], splitting: false },
  { ...shared, entry: entries, format: ['cjs'] },
]);
