import type { Time } from './ask.ts';

/** Which events of an entity: half-open in event time, as they were known at `as_of`. */
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

/** Which events of all entities: half-open in event time, of a source or type where they are named. */
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

/** Which past events a replay sends: of an entity, a source, a type or a time range, or named by their ids. */
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

/** Whose value, and of which window. */
export interface ValueSelection {
  readonly metric: string;
  /** An entity id, a source, the JSON array of source and type, or `all`: as the metric is grouped. */
  readonly key: string;
  /** The time at which the window starts, or for windows of a day their date in the metric's zone. */
  readonly window_start: Time;
}

/** What a report covers; everything may be left out. */
export interface ReportSelection {
  readonly start_time?: Time | undefined;
  readonly end_time?: Time | undefined;
  readonly as_of?: Time | undefined;
  /** The zone of dates, days and hours, such as `America/New_York`. Default: UTC. */
  readonly time_zone?: string | undefined;
  readonly source?: string | undefined;
  readonly event_type?: string | undefined;
  /** Which time the range means. Default: the event's own. */
  readonly basis?: 'event' | 'received' | undefined;
  /** Default: source and event type. */
  readonly by?: readonly ('source' | 'event_type' | 'day' | 'hour')[] | undefined;
  readonly include_imported?: boolean | undefined;
  /** Groups of one page, or what else the report lists. Default and at most 10,000. */
  readonly limit?: number | undefined;
  /** `next_cursor` of the page before: the same answer with what comes next, as of the same time. */
  readonly cursor?: string | undefined;
}

/** Which failures; the range is of receive times. */
export interface FailuresSelection extends Omit<ReportSelection, 'basis' | 'include_imported'> {
  /** Where the time before the range starts that failures are new against. Default: as long before as the range is. */
  readonly baseline_from?: Time | undefined;
}

/** Which series are looked through for gaps, and by which calendar. */
export interface GapsSelection extends Omit<ReportSelection, 'by'> {
  /** Default: source and event type. */
  readonly by?: readonly ('source' | 'event_type')[] | undefined;
  /** One entity's events as the series. */
  readonly entity_id?: string | undefined;
  /** Windows of this metric and key that have events which no version holds; the range must be given. */
  readonly metric?: string | undefined;
  readonly key?: string | undefined;
  /** Default: an hour. */
  readonly grain?: 'minute' | 'hour' | 'day' | undefined;
  /** How often the series comes, in milliseconds, at most the grain. Without it that is learned. */
  readonly cadence_ms?: number | undefined;
}

/** Which event days; those that lie whole in the range. */
export interface CompletenessSelection extends Omit<ReportSelection, 'by' | 'basis'> {
  /** Default: nothing, all events of a day together. */
  readonly by?: readonly ('source' | 'event_type')[] | undefined;
  /** How long after its end a day counts as finally known, in milliseconds. Default: seven days. */
  readonly closed_after_ms?: number | undefined;
}

/** Which event to explain. */
export type EventSelection =
  | string
  | { readonly source: string; readonly event_type: string; readonly entity_id: string; readonly key: string }
  | { readonly entity_id: string; readonly event_time: Time };

/** Which rejected receipts: half-open in receive time. */
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

/** Which change of a value to explain. Without sides: from the version before the latest to the latest. */
export interface ChangeSelection extends ValueSelection {
  /** The zone of dates, `today` and `yesterday`. Default: UTC. */
  readonly time_zone?: string | undefined;
  /** The number of a version, a receive time, or `now`. */
  readonly from?: number | Time | undefined;
  /** The same. Where only `from` is given: `now`. */
  readonly to?: number | Time | undefined;
  /** Events, and units, that are listed. Default 100, at most 1,000. */
  readonly limit?: number | undefined;
  /** `next_cursor` of the page before: the same answer with the next events and units. */
  readonly cursor?: string | undefined;
}
