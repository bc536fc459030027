import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/index.ts', 'src/main.ts', 'src/reader.ts', 'src/parser.ts'],
  format: ['esm'],
  dts: { entry: 'src/index.ts' },
  target: 'node22',
  clean: true,
  removeNodeProtocol: false,
});
