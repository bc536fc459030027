/** One event on its way to a target. */
export interface Outgoing {
  /** Id of the delivery, the same for all of its events. */
  readonly replay_id: string;
  /** Key by which the receiver recognizes a repeat. */
  readonly event_id: string;
  readonly source: string;
  readonly event_type: string;
  readonly entity_id: string;
  readonly event_time: string;
  /** JSON of the event, or the result of the transform. */
  readonly body: string;
}

/** A receiver of events. To add a target, such as a Kafka producer, write a module whose default export is a `Target`. */
export interface Target {
  /** Name of the target for people and for the record of the delivery, without credentials. */
  readonly name: string;
  /** Resolves when the receiver has accepted the event durably. A KitError with `retryable` is tried again. */
  send(event: Outgoing, signal: AbortSignal): Promise<void>;
  close?(): Promise<void>;
}
