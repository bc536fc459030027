import { readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/index.ts', 'src/main.ts', 'src/reader.ts', 'src/parser.ts', 'src/demo-config.ts'],
  format: ['esm'],
  dts: { entry: 'src/index.ts' },
  target: 'node22',
  clean: true,
  removeNodeProtocol: false,
  onSuccess: async () => writeEarthquakes('dist/earthquakes.json.gz'),
});

/** Writes the input of `pik demo`: a week of earthquakes, in the order of their last revisions. */
function writeEarthquakes(file: string): void {
  // The package exports only its code, so its data is located relative to that.
  const data = new URL('../data/earthquakes.json', import.meta.resolve('vega-datasets'));
  const { features } = JSON.parse(readFileSync(data, 'utf8')) as { features: { properties: { updated: number } }[] };
  const quakes = features.toSorted((a, b) => a.properties.updated - b.properties.updated);
  writeFileSync(file, gzipSync(JSON.stringify(quakes), { level: 9 }));
}
