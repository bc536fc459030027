import { join } from 'node:path';

import { defineConfig } from 'tsup';

import { bundledModule } from './src/bundle.ts';

const SOURCES = join(import.meta.dirname, 'src');

export default defineConfig({
  entry: ['src/index.ts'],
  format: ['esm'],
  dts: true,
  target: 'node22',
  clean: true,
  esbuildPlugins: [
    {
      name: 'console-files',
      setup({ onLoad }) {
        // The published package has the files themselves in place of the bundler that makes them.
        onLoad({ filter: /[/\\]src[/\\]bundle\.ts$/ }, async () => ({
          contents: await bundledModule(SOURCES),
          loader: 'js',
        }));
      },
    },
  ],
});
