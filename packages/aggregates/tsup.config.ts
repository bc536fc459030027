import { defineConfig, type Options } from 'tsup';

const shared: Options = { target: 'node20', splitting: true, dts: true, entry: ['src/index.ts'] };

export default defineConfig([
  { ...shared, format: ['esm'], treeshake: { moduleSideEffects: false } },
  { ...shared, format: ['cjs'] },
]);
