/** The receive time and event time of an arrival. */
export interface Arrival {
  readonly received_ms: number;
  readonly event_ms: number;
}

/** The numbers of an arrival's series and group. */
export interface ArrivalPlace {
  readonly series: number;
  readonly group: number;
}
