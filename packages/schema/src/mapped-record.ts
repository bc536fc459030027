/** The fields of an event that a map may set. They are checked like those of any event. */
export interface MappedFields {
  readonly source?: string | undefined;
  readonly event_type?: string | undefined;
  readonly entity_id?: string | undefined;
  /** RFC 3339. Default: when the record is received; of an import, its `received_at`. */
  readonly event_time?: string | undefined;
  /** The key by which a repeat is recognised. Default: the content. */
  readonly idempotency_key?: string | undefined;
  readonly sent_at?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly schema_version?: number | undefined;
  readonly producer?: { readonly id: string; readonly seq: number } | undefined;
  /** `occurrence`: each emitted event is an event of its own, identified by its producer and number. */
  readonly identity?: 'occurrence' | undefined;
  /** Of an import: when the record had been received. */
  readonly received_at?: string | undefined;
}

/** The names of the fields that a map may set. */
export const MAPPED_FIELDS = [
  ...(['source', 'event_type', 'entity_id', 'event_time', 'idempotency_key', 'sent_at', 'traceparent'] as const),
  ...(['schema_version', 'producer', 'identity', 'received_at'] as const),
] as const satisfies readonly (keyof MappedFields)[];

/**
 * A record of another system, and the event that the sender's map read in it: a line of `POST /ingest?mapped=true`. The receipt keeps the
 * bytes of the record, and all that is here besides them.
 */
export interface MappedRecord {
  /** Name and version of the map, such as `orders 2`. */
  readonly map: string;
  /** The bytes of the record: a text if they are UTF-8 … */
  readonly record?: string | undefined;
  /** … else base64. */
  readonly record_base64?: string | undefined;
  readonly fields?: MappedFields | undefined;
  /** Default: the record if it is a JSON object or array, else an object that holds it in `data` or `data_base64`. */
  readonly payload?: unknown;
  /** Why the record cannot be an event; it is kept as a rejected receipt. */
  readonly fault?: string | undefined;
  /** Facts about the record outside its bytes, such as its topic and offset. */
  readonly facts?: Readonly<Record<string, string>> | undefined;
}
