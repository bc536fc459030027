import type { Time } from '@pik/schema';

/** Selects events of an entity: half-open in event time, as known at `as_of`. */
export interface TimelineSelection {
  /** The zone of dates, `today` and `yesterday`. Default: UTC. */
  readonly time_zone?: string | undefined;
  readonly entity_id: string;
  readonly start_time?: Time | undefined;
  readonly end_time?: Time | undefined;
  readonly as_of?: Time | undefined;
  /** Events of one page. Default 500, at most 1,000. */
  readonly limit?: number | undefined;
}

/** Selects events of all entities: half-open in event time, optionally of one source or type. */
export interface RangeSelection {
  /** The zone of dates, `today` and `yesterday`. Default: UTC. */
  readonly time_zone?: string | undefined;
  readonly entity_id?: undefined;
  readonly start_time: Time;
  readonly end_time: Time;
  readonly source?: string | undefined;
  readonly event_type?: string | undefined;
  /** Only first received at or after this time, and before that one. */
  readonly received_from?: Time | undefined;
  readonly received_to?: Time | undefined;
  readonly as_of?: Time | undefined;
  /** Events of one page. Default 500, at most 1,000. */
  readonly limit?: number | undefined;
}

/** Selects the events of a replay: by entity, source, type or time range, or by their ids. */
export interface ReplayRequest {
  readonly entity_id?: string | undefined;
  readonly source?: string | undefined;
  readonly event_type?: string | undefined;
  /** At most 1,000; without a time range. */
  readonly event_ids?: readonly string[] | undefined;
  readonly start_time?: Time | undefined;
  readonly end_time?: Time | undefined;
  readonly received_from?: Time | undefined;
  readonly received_to?: Time | undefined;
  /** Only windows of these metrics are computed again. Default: all. */
  readonly metrics?: readonly string[] | undefined;
  /** Events received by then. Default: now. */
  readonly as_of?: Time | undefined;
  /** Events of one call. Default 10,000, at most 100,000. */
  readonly limit?: number | undefined;
  /** Further receipts go into the messages too; no aggregate changes by them. */
  readonly include_duplicates?: boolean | undefined;
}

/** Selects the value of a key in a window. */
export interface ValueSelection {
  readonly metric: string;
  /** An entity id, a source, the JSON array of source and type, or `all`: as the metric is grouped. */
  readonly key: string;
  /** The time at which the window starts, or for windows of a day their date in the metric's zone. */
  readonly window_start: Time;
}

/** Selects the event to explain. */
export type EventSelection =
  | string
  | { readonly source: string; readonly event_type: string; readonly entity_id: string; readonly key: string }
  | { readonly entity_id: string; readonly event_time: Time };

/** Selects rejected receipts: half-open in receive time. */
export interface RejectsSelection {
  /** Only those with this code. */
  readonly code?: string | undefined;
  /** The zone of dates, `today` and `yesterday`. Default: UTC. */
  readonly time_zone?: string | undefined;
  readonly start_time?: Time | undefined;
  readonly end_time?: Time | undefined;
  readonly source?: string | undefined;
  readonly event_type?: string | undefined;
}

/** Selects a change of a value. Default: from the version before the latest to the latest. */
export interface ChangeSelection extends ValueSelection {
  /** The zone of dates, `today` and `yesterday`. Default: UTC. */
  readonly time_zone?: string | undefined;
  /** The number of a version, a receive time, or `now`. */
  readonly from?: number | Time | undefined;
  /** As `from`. Default if `from` is given: `now`. */
  readonly to?: number | Time | undefined;
  /** Events, and units, that are listed. Default 100, at most 1,000. */
  readonly limit?: number | undefined;
  /** `next_cursor` of the page before: the same answer with the next events and units. */
  readonly cursor?: string | undefined;
}
