import type { ReplaySelection } from '@pik/schema';

/** A window of a metric: whose value, and from when. */
export interface WindowTarget {
  readonly metric: string;
  /** As `aggregateKey` makes it. */
  readonly key: string;
  readonly window_start_ms: number;
}

/** One version of a value. Never changed; numbered 1, 2, 3 … per target. */
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
  /** The replay that asked for it. */
  readonly replay_id: string;
  readonly computed_ms: number;
  /** Tells our own retried append from that of another processor. */
  readonly computation_id: string;
}

/** A replay as it was asked for: what is recorded before it acts. */
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

/** A replay and how far it has come. */
export interface ReplayRow extends ReplayRequestRow {
  readonly status: 'RUNNING' | 'COMPLETE' | 'CANCELLED';
  readonly scanned: number;
  readonly sent: number;
  readonly messages: number;
  /** Where the next part starts; null before the first and after the last. */
  readonly next_cursor: string | null;
  readonly ended_ms: number | null;
}

/** One part of a replay that was sent whole. */
export interface ReplayPart {
  /** Where it started; empty for the first. */
  readonly cursor: string;
  readonly scanned: number;
  readonly sent: number;
  readonly messages: number;
  readonly next_cursor: string | null;
}

/** What became of a window that a replay named; null until a processor is done with it. */
export type WindowResult =
  /** A version was appended. */
  | 'APPENDED'
  /** The latest version has the same inputs and definition, or there are none of either. */
  | 'UNCHANGED'
  /** The latest version is as of a later time. */
  | 'SUPERSEDED';

/** The end of a window's recomputation; the version is the latest one then. */
export interface WindowDone {
  readonly result: WindowResult;
  readonly version: number | null;
}

/** Why a window could not be computed in the last delivery of its message, which is a dead letter now. */
export interface WindowFailure {
  readonly code: string;
  readonly detail: string;
  /** The event at fault; null where no single one is. */
  readonly event_id: string | null;
  readonly failed_ms: number;
}

/** A window that a replay named. */
export interface ReplayWindow extends WindowTarget {
  readonly result: WindowResult | null;
  readonly version: number | null;
  /** Null while a message for it is on its way, and once there is a result. */
  readonly failure: WindowFailure | null;
}

/** A window whose message is a dead letter. */
export interface FailedWindow extends WindowTarget {
  readonly failure: WindowFailure;
}

/** How the windows of a replay stand. */
export interface WindowCounts {
  readonly touched: number;
  readonly done: number;
  readonly changed: number;
  /** Open, and their message is a dead letter. */
  readonly failed: number;
}

/** A message in the queue as a consumer holds it. */
export interface QueuedMessage {
  readonly message_id: string;
  readonly body: string;
  /** Names this delivery; a later delivery of the message makes it worthless. */
  readonly receipt: string;
  /** How often it was delivered, this time included. */
  readonly receives: number;
}

/** A message that is not delivered any more, and why. */
export interface DeadLetterRow {
  readonly message_id: string;
  readonly body: string;
  readonly receives: number;
  readonly code: string;
  readonly detail: string;
  readonly sent_ms: number;
  readonly died_ms: number;
}

/** Why a message was given back, and after which time it may come again. */
export interface MessageFailure {
  readonly code: string;
  readonly detail: string;
  readonly delayMs: number;
}
