import type { ReplaySelection } from '@pik/schema';

/** A window of a metric and key. */
export interface WindowTarget {
  readonly metric: string;
  /** As created by `aggregateKey`. */
  readonly key: string;
  readonly window_start_ms: number;
}

/** One version of a value. It never changes; versions are numbered 1, 2, 3 … per target. */
export interface VersionRow extends WindowTarget {
  readonly window_end_ms: number;
  readonly time_zone: string;
  readonly time_zone_data: string;
  readonly version: number;
  /** The value as JSON. */
  readonly value_json: string;
  readonly input_count: number;
  readonly inputs_hash: string;
  readonly definition_version: number;
  readonly definition_hash: string;
  readonly functions_hash: string;
  readonly manifest_key: string;
  readonly as_of_ms: number;
  readonly unsettled: boolean;
  /** The replay that triggered it. */
  readonly replay_id: string;
  readonly computed_ms: number;
  /** Distinguishes our own retried append from that of another processor. */
  readonly computation_id: string;
}

/** A replay as requested; recorded before it acts. */
export interface ReplayRequestRow {
  readonly replay_id: string;
  readonly requested_ms: number;
  readonly requested_by: string | null;
  readonly request_id: string;
  readonly reason: string | null;
  readonly selection: ReplaySelection;
  readonly as_of_ms: number;
  readonly limit: number;
}

/** A replay and its progress. */
export interface ReplayRow extends ReplayRequestRow {
  readonly status: 'RUNNING' | 'COMPLETE' | 'CANCELLED';
  readonly scanned: number;
  readonly sent: number;
  readonly messages: number;
  /** The start of the next part; null before the first and after the last part. */
  readonly next_cursor: string | null;
  readonly ended_ms: number | null;
}

/** One part of a replay that was sent completely. */
export interface ReplayPart {
  /** The start of the part; empty for the first one. */
  readonly cursor: string;
  readonly scanned: number;
  readonly sent: number;
  readonly messages: number;
  readonly next_cursor: string | null;
}

/** The result for a window that a replay named; null until a processor has finished it. */
export type WindowResult =
  /** A version was appended. */
  | 'APPENDED'
  /** The latest version has the same inputs and definition, or there are neither inputs nor a version. */
  | 'UNCHANGED'
  /** A version as of a later time exists. */
  | 'SUPERSEDED';

/** The end of a window's recomputation, with the latest version at that moment. */
export interface WindowDone {
  readonly result: WindowResult;
  readonly version: number | null;
}

/** The reason why a window could not be computed in the last delivery of its message, which is now a dead letter. */
export interface WindowFailure {
  readonly code: string;
  readonly detail: string;
  /** The event at fault; null if no single event is. */
  readonly event_id: string | null;
  readonly failed_ms: number;
}

/** A window that a replay named. */
export interface ReplayWindow extends WindowTarget {
  readonly result: WindowResult | null;
  readonly version: number | null;
  /** Null while a message for it is queued, and once there is a result. */
  readonly failure: WindowFailure | null;
}

/** A window whose message is a dead letter. */
export interface FailedWindow extends WindowTarget {
  readonly failure: WindowFailure;
}

/** The progress of a replay's windows. */
export interface WindowCounts {
  readonly touched: number;
  readonly done: number;
  readonly changed: number;
  /** Windows without a result whose message is a dead letter. */
  readonly failed: number;
}

/** A queue message as its consumer receives it. */
export interface QueuedMessage {
  readonly message_id: string;
  readonly body: string;
  /** Identifies this delivery; a later delivery of the message invalidates it. */
  readonly receipt: string;
  /** The number of deliveries, including this one. */
  readonly receives: number;
}

/** A message that is no longer delivered, and the reason. */
export interface DeadLetterRow {
  readonly message_id: string;
  readonly body: string;
  readonly receives: number;
  readonly code: string;
  readonly detail: string;
  readonly sent_ms: number;
  readonly died_ms: number;
}

/** The reason why a message is returned to the queue, and the delay before its next delivery. */
export interface MessageFailure {
  readonly code: string;
  readonly detail: string;
  readonly delayMs: number;
}
