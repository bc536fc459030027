// The report on how soon planted faults are found.

/** Result of the search for one planted fault. */
export interface PlantedRow {
  readonly name: string;
  /** The promise of docs/guarantees.md that the fault breaks. */
  readonly promise: string;
  readonly found: boolean;
  /** The oracle that found it, `null` where none did. */
  readonly oracle: string | null;
  readonly histories: number;
  /** Processor seconds until it was found or given up, `null` if the process ended before it could tell. */
  readonly cpuSeconds: number | null;
  /** Why the process ended, if it did. */
  readonly error?: string;
}

/** The result for one planted fault. */
export function plantedLine({ name, promise, found, oracle, histories, cpuSeconds, error }: PlantedRow): string {
  if (cpuSeconds === null) return `${promise.padEnd(4)} ${name}: found by the process itself: ${error}`;
  const result = found ? `found by "${oracle}" in` : 'NOT FOUND in';
  return `${promise.padEnd(4)} ${name}: ${result} ${cpuSeconds.toFixed(1)} s of processor, ${histories} histories`;
}

/** How soon the planted faults were found. */
export function plantedText(rows: readonly PlantedRow[]): string {
  const found = rows.filter((row) => row.found);
  const seconds = found.flatMap(({ cpuSeconds }) => cpuSeconds ?? []).sort((a, b) => a - b);
  const [median, worst] = [seconds[seconds.length >> 1] ?? 0, seconds.at(-1) ?? 0];
  const sum = rows.reduce((total, { cpuSeconds }) => total + (cpuSeconds ?? 0), 0);
  const itself = found.length - seconds.length;
  return `${found.length} of ${rows.length} planted faults found, ${itself} by the process itself; median ${median.toFixed(1)} s, worst ${worst.toFixed(1)} s, ${sum.toFixed(0)} s of processor in all`;
}
