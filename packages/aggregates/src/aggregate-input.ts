/** An event as the input of an aggregate. Times are fixed-width UTC. */
export interface AggregateInput<Payload = unknown> {
  readonly event_id: string;
  readonly source: string;
  readonly event_type: string;
  readonly entity_id: string;
  readonly event_time: string;
  readonly received_at: string;
  /** Null if the definition says `reads_payload: false`, and for a deletion. */
  readonly payload: Payload;
  /** True for a deletion: an event whose payload is null. Known without reading payloads. */
  readonly deleted?: boolean | undefined;
}
