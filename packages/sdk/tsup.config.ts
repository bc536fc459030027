import { defineConfig } from 'tsup';

const shared = { dts: true, target: 'node20', splitting: true, removeNodeProtocol: false } as const;
const entry = ['src/index.ts', 'src/investigator.ts', 'src/outbox.ts', 'src/testing.ts'];
/**
 * `uuid` comes along, as much of it as is used. It has no CommonJS form, which not every Node that we support can require,
 * and Jest cannot at all; and importing its twenty files takes longer than starting a producer.
 */
const noExternal = ['uuid'];

export default defineConfig([
  { ...shared, entry, format: ['esm'], noExternal },
  { ...shared, entry, format: ['cjs'], noExternal, treeshake: true },
  // vitest itself is an ES module only.
  { ...shared, entry: ['src/vitest.ts'], format: ['esm'] },
]);
