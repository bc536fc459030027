import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** One earthquake of the U.S. Geological Survey, whose data is in the public domain. */
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
    readonly [name: string]: unknown;
  };
}

/** Made by the build, from the package `vega-datasets`. */
const FILE = 'earthquakes.json.gz';

/** A week of earthquakes, in the order of their last revisions. */
export function readQuakes(limit: number): Quake[] {
  const quakes: Quake[] = JSON.parse(gunzipSync(readFileSync(new URL(FILE, import.meta.url))).toString('utf8'));
  return quakes.slice(0, limit);
}
