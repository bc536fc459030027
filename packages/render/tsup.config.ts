import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/index.ts', 'src/format.ts', 'src/pictures.ts', 'src/notebook.ts'],
  format: ['esm'],
  dts: true,
  target: 'node22',
  clean: true,
});
