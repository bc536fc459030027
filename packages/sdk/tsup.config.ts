import { defineConfig } from 'tsup';

const shared = { dts: true, target: 'node20', splitting: true, removeNodeProtocol: false } as const;
const entry = ['index', 'producer-thread', 'investigator', 'outbox', 'testing'].map((name) => `src/${name}.ts`);
/**
 * `uuid` comes along, as much of it as is used. It has no CommonJS form, which not every Node that we support can require,
 * and Jest cannot at all; and importing its twenty files takes longer than starting a producer.
 */
const noExternal = ['uuid'];

export default defineConfig([
  { ...shared, entry, format: ['esm'], noExternal },
  {
    ...shared,
    entry,
    format: ['cjs'],
    noExternal,
    treeshake: true,
    // CommonJS knows its file by a path, from which the producer finds the file of its thread just as well.
    esbuildOptions(options) {
      options.define = { ...options.define, 'import.meta.url': '__filename' };
    },
  },
  // vitest itself is an ES module only.
  { ...shared, entry: ['src/vitest.ts'], format: ['esm'] },
]);
