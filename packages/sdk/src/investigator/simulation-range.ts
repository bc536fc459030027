/** The range and time of a simulation. */
export interface SimulationRange {
  readonly startMs: number;
  readonly endMs: number;
  /** Fixed-width UTC. */
  readonly asOf: string;
}
