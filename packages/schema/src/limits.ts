/** The maxima of one event. A producer checks them too, and its bundle has no others. */
export const EVENT_LIMITS = {
  /** One event record, as received. */
  event_bytes_max: 256 * 1024,
  /** Records in one request. */
  events_per_request_max: 5_000,
  /** UTF-8 bytes of `source`. The four id maxima keep an index row below 1 KB, one DynamoDB write unit. */
  source_bytes_max: 128,
  /** UTF-8 bytes of `event_type`. */
  event_type_bytes_max: 128,
  /** UTF-8 bytes of `entity_id`. */
  entity_id_bytes_max: 200,
  /** UTF-8 bytes of `idempotency_key`. */
  idempotency_key_bytes_max: 200,
  /** Paths of one declaration of volatile members; each receipt stores them. */
  volatile_paths_max: 16,
  mask_paths_max: 64,
  /** Characters of one such path. */
  volatile_path_chars_max: 200,
} as const;

// Written as plain numbers: a bundler would keep the whole table for a product in it.
const OTHER_LIMITS = {
  /** One request body on the wire. Below Lambda's 6 MB, which base64 inflates by a third. */
  body_bytes_max: 4_194_304,
  /** One request body after decompression. */
  body_decompressed_bytes_max: 16_777_216,
  /** Statements of a request about a record, outside its bytes, such as headers; as JSON. Each receipt stores them. */
  around_bytes_max: 16_384,
  /** Milliseconds by which the time that a webhook signs may differ from the receive time of its delivery. */
  hook_window_ms: 300_000,
  /** Deliveries with a bad signature that one process keeps for one webhook in a minute; it refuses the others and does not keep them. */
  hook_refusals_per_minute_max: 60,
  /** Receipts of the requests that share a pack on one machine; a larger request gets a separate pack. */
  group_receipts_max: 2_000,
  /** Bytes of the records of such requests; a larger request gets a separate pack. */
  group_bytes_max: 4_194_304,
  /** Receipts of a closed hour after which the next file of columns begins; the receipts of a pack stay together. */
  column_file_receipts_max: 200_000,
  /** Bytes of the filters of words of a closed hour after which their next file begins. */
  words_file_bytes_max: 4_194_304,
  /** Nesting of objects and arrays in one record, including the record itself. */
  json_depth_max: 64,
  /** Object members in one record, at all depths. */
  json_members_max: 10_000,
  /**
   * Distinct sets of unknown members per request that are listed as warnings; receipts with other sets only carry the
   * flag.
   */
  unknown_field_warnings_max: 20,
  /** Characters of a time as text. */
  time_chars_max: 64,
  /** Milliseconds by which an event time may be later than its receive time before the event is flagged FUTURE. */
  future_tolerance_ms: 300_000,
  /**
   * Milliseconds by which a claimed receive time may be ahead of the server's clock; the record then counts as received
   * on arrival.
   */
  import_ahead_max_ms: 5_000,
  /** Largest line number that an import request can name. */
  file_line_max: 999_999_999,
  /**
   * Further receipts of one event that an answer lists, and live receipts with a DELIVERY row; others are only counted
   * in their PACK row.
   */
  deliveries_per_event_max: 100,
  /** Items of one page of a listing. */
  page_items_max: 1_000,
  /** Items of one page if the caller sets no limit. */
  page_items_default: 500,
  /**
   * Milliseconds by which the clock may move relative to a monotonic clock between two checks; more is a clock step.
   */
  clock_step_ms: 10_000,
  /** Steps of the server's clock that one explanation reads. */
  clock_steps_max: 1_000,
  /** Bytes that a data directory reserves on its disk, so that a server can start and serve reads while the disk is full. */
  start_reserve_bytes: 1_048_576,
  /** Sources whose last event `/metrics` shows. */
  metric_sources_max: 100,
  /** Threads for questions of one server. */
  reader_threads_max: 16,
  /** Questions that one such thread answers at the same time; further ones wait. */
  reader_questions_max: 8,
  /** Heap of one such thread, in bytes; a question that needs more ends its thread, and is answered `READER_LOST`. */
  reader_heap_bytes_max: 536_870_912,
  /** Threads of one server that parse requests. */
  parser_threads_max: 16,
  /** Heap of one such thread, in bytes; a request that needs more ends its thread, and is answered `PARSER_LOST`. */
  parser_heap_bytes_max: 536_870_912,
  /** Slices read to find the filter that left an answer empty. */
  empty_answer_slices_max: 20_000,
  /** Milliseconds after which an answer ends early: it is then `partial`, and its cursor leads to the rest. */
  question_ms_max: 25_000,
  /** The same behind an AWS HTTP API, which times out after 29 seconds. */
  question_aws_ms_max: 22_000,
  /** Milliseconds after which a question yields to other work. */
  question_turn_ms_max: 10,
  /** Rows and receipts that one question reads before its answer ends early. */
  question_read_max: 5_000_000,
  /** Stored bytes that one question reads before its answer ends early. */
  question_bytes_max: 2_147_483_648,
  /** Groups, and days of series, that one report holds before it is `partial`; also the groups of one page. */
  report_groups_max: 10_000,
  /**
   * Windows with events, over all series, that one gap report holds before it is `partial`; empty windows are not held.
   */
  report_windows_max: 500_000,
  /** Gaps of one page of a report. */
  report_gaps_max: 10_000,
  /** Gaps of one page whose causes and neighbours are looked up. */
  report_gap_causes_max: 200,
  /** Windows of a metric that one gap report compares with their versions. */
  report_gap_versions_max: 1_000,
  /** Distinct warnings in one failures report before it is `partial`. */
  report_warnings_max: 100,
  /** Worst events that one report lists; repeated events of one page. */
  report_worst_events_max: 5_000,
  /** Requests of one producer, outside of closed hours, whose sequence numbers are checked; a producer with more is reported as not checked. */
  producer_packs_max: 100_000,
  /** Rejected receipts that one call sends again. */
  reingest_receipts_max: 1_000,
  /**
   * Inputs of one window in memory. A fold that reads payloads and is not additive fails beyond this; it never drops
   * inputs.
   */
  window_inputs_max: 500_000,
  /** Inputs of one window if the fold is additive or reads no payload; a larger window fails and never drops inputs. */
  window_inputs_streamed_max: 50_000_000,
  /** UTF-8 bytes of an aggregate's value as JSON. */
  aggregate_value_bytes_max: 65_536,
  /** Events of one call of a replay. */
  replay_events_per_call_max: 100_000,
  /** Events of one call of a replay if the caller sets no limit. */
  replay_events_per_call_default: 10_000,
  /** Events that a replay can name by their ids. */
  replay_event_ids_max: 1_000,
  /** Rejected receipts around a time that are scanned for receipts without a readable entity. */
  explain_rejects_listed_max: 10_000,
  /** Rejected receipts whose bytes are searched for an entity. */
  explain_rejects_read_max: 200,
  /** Rejected receipts that are counted for one gap. */
  report_gap_rejects_max: 10_000,
  /** Failed windows listed for one replay; all are counted. */
  replay_failures_listed_max: 20,
  /** Events in one replay message. */
  message_events_max: 100,
  /** Bytes of one replay message; below SQS's limit of 256 KB. */
  message_bytes_max: 204_800,
  /** Characters of a search expression. */
  search_expression_chars_max: 4_096,
  /** Nesting of parentheses and `not` in a search expression. */
  search_depth_max: 32,
  /**
   * Milliseconds by which the id of a pack may be earlier than the receive times in it, as after the clock was set back between
   * the two: a search over receive times reads the log from this long before its range.
   */
  search_before_range_ms: 3_600_000,
  /** Unreadable packs that one page of a search names; all are counted. */
  search_unreadable_listed_max: 20,
  /** Findings of one comparison; the strongest. */
  compare_findings_max: 50,
  /** Paths that one comparison compares. */
  compare_paths_max: 100,
  /** Different values of one path that it compares, in each group: the first that it reads. */
  compare_values_max: 20_000,
  /** Characters of a text that it compares. */
  compare_text_chars_max: 200,
  /** Bytes of the table in which it holds the values of receipts; it compares the last stored ones that fit. */
  compare_table_bytes_max: 268_435_456,
  /** Values of one path whose parts of a difference are listed; the others are summed up. */
  compare_parts_max: 20,
  /** Paths that one answer about the shape of payloads learns, over all series. */
  schema_paths_max: 5_000,
  /** Characters of a text that it shows. */
  schema_text_chars_max: 200,
  /** Matches that wait for one listener; what arrives beyond them is skipped, with a count. */
  tail_queue_max: 1_000,
  /** Characters of these matches as JSON. */
  tail_queue_chars_max: 4_194_304,
  /** Matches that one listener skips in a row before its stream ends. */
  tail_skipped_max: 100_000,
  /** Listeners of one process. */
  tail_listeners_max: 500,
  /** Deliveries of a message after which it becomes a dead letter. */
  message_receives_max: 5,
  /** Classes that can share a change by exact Shapley values. */
  change_classes_max: 6,
  /** Folds of one explained change: one for each set of classes. */
  change_folds_max: 64,
  /** Events and units listed for one explained change if the caller sets no limit; at most `page_items_max`. */
  change_items_default: 100,
  /** Inputs whose payloads one explained change searches for common fields. */
  change_payloads_max: 10_000,
  /** Payload fields that one class of a change is broken down by. */
  change_fields_max: 10,
  /** Payload fields of one event that this breakdown considers. */
  change_fields_looked_at_max: 32,
  /** Different values of a payload field above which a change is not broken down by it. */
  change_field_values_max: 20,
  /** Events listed for one unit of a change. */
  change_unit_events_max: 20,
  /** Characters of the reason of a replay, or of muting a monitor. */
  reason_chars_max: 500,
  /** Monitors of one server. */
  monitors_max: 100,
  /** Open incidents of one monitor; conditions beyond them are counted. */
  monitor_incidents_max: 50,
  /** Minutes for which a monitor can be muted at once. */
  mute_minutes_max: 43_200,
  /** Characters of the sentence of an alert. */
  alert_chars_max: 1_000,
  /** Milliseconds that a sink has for one alert. */
  alert_send_ms_max: 10_000,
  /** Milliseconds between two attempts at one alert; the first pauses are shorter. */
  alert_retry_ms_max: 3_600_000,
  /** Attempts at one alert before it is given up: about four days. */
  alert_tries_max: 100,
  /** Characters of one value in the audit; longer ones are cut. */
  audit_value_chars_max: 1_000,
  /** Records of the audit that wait to be written; questions beyond them are counted, and actions refused. */
  audit_waiting_max: 10_000,
  /** Characters of stored data in one answer to an assistant (MCP). */
  mcp_answer_chars_max: 24_000,
  /** One request of an assistant (MCP). */
  mcp_request_bytes_max: 262_144,
} as const;

/**
 * Every maximum of the kit, with its unit in the name. Each is checked before any durable effect. docs/limits.md lists
 * the same numbers (a test compares them).
 */
export const LIMITS = /* @__PURE__ */ (() => ({ ...EVENT_LIMITS, ...OTHER_LIMITS }))();

/** The name of a limit. */
export type LimitName = keyof typeof LIMITS;
