import { readFileSync } from 'node:fs';

/** One earthquake of the U.S. Geological Survey, from the package `vega-datasets`. */
export interface Quake {
  readonly id: string;
  readonly properties: {
    readonly mag: number;
    readonly place: string;
    readonly time: number;
    /** Time of the last revision of the record. */
    readonly updated: number;
    /** The network that reported it. */
    readonly net: string;
    readonly status: string;
    readonly [name: string]: unknown;
  };
}

/** A week of earthquakes, in the order of their last revisions. */
export function readQuakes(limit = Number.POSITIVE_INFINITY): Quake[] {
  // The package exports only its code, so its data is located relative to that.
  const file = new URL('../data/earthquakes.json', import.meta.resolve('vega-datasets'));
  const { features } = JSON.parse(readFileSync(file, 'utf8')) as { features: Quake[] };
  return features.toSorted((a, b) => a.properties.updated - b.properties.updated).slice(0, limit);
}
