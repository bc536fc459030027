/** How a caller can react to an error: its HTTP status, and whether the same call may succeed later. */
export interface ErrorInfo {
  /** HTTP status of the answer; 0 if the error never crosses HTTP (client side, start-up). */
  readonly status: number;
  /** True if repeating the same call with the same bytes may succeed. */
  readonly retryable: boolean;
  /** One sentence, fixed per code; the details of one case are in the message. */
  readonly title: string;
}

const final = (status: number, title: string): ErrorInfo => ({ status, retryable: false, title });
const retry = (status: number, title: string): ErrorInfo => ({ status, retryable: true, title });

/** Reasons to reject a receipt. The receipt is stored, and the reason says what to fix. */
export const REJECT_CODES = {
  JSON_SYNTAX: final(400, 'The record is not JSON.'),
  UTF8_INVALID: final(400, 'The record is not valid UTF-8, or starts with a byte order mark.'),
  RECORD_NOT_OBJECT: final(400, 'The record is JSON, but not an object.'),
  JSON_TOO_DEEP: final(400, 'The record nests deeper than the limit.'),
  JSON_TOO_MANY_MEMBERS: final(400, 'The record has more object members than the limit.'),
  JSON_DUPLICATE_KEY: final(400, 'An object of the record has the same key twice.'),
  LONE_SURROGATE: final(400, 'A string of the record has a surrogate without its pair.'),
  NUMBER_OUT_OF_RANGE: final(400, 'A number of the record is outside the range of a double.'),
  FIELD_MISSING: final(400, 'A required field is missing.'),
  FIELD_INVALID: final(400, 'A field has the wrong type or a value that is not allowed.'),
  FIELD_TOO_LONG: final(400, 'A field is longer, in UTF-8 bytes, than the limit.'),
  TIME_INVALID: final(400, 'A time is not an RFC 3339 date-time.'),
  TIME_WITHOUT_OFFSET: final(400, 'A time has no offset from UTC, so it does not name an instant.'),
  TIME_OUT_OF_RANGE: final(400, 'A time lies outside the years 0001 to 9999 in UTC.'),
  RECEIVED_AT_AHEAD: final(400, "An imported record claims a receive time later than the server's clock."),
  SIGNATURE_MISSING: final(401, 'The delivery of a webhook carries no signature of its scheme.'),
  SIGNATURE_INVALID: final(401, 'The signature of the delivery matches no secret of the webhook.'),
  SIGNATURE_EXPIRED: final(401, 'The delivery was signed too long before or after its receipt.'),
  PAYLOAD_NOT_CONTAINER: final(400, 'The payload is not an object, an array, or null (a deletion).'),
} as const satisfies Record<string, ErrorInfo>;

/** Errors of a whole request, answered as problem+json. */
const REQUEST_CODES = {
  BODY_EMPTY: final(400, 'The request has no body.'),
  BODY_TOO_LARGE: final(413, 'The body is larger than the limit; nothing was stored.'),
  EVENT_TOO_LARGE: final(413, 'One record is larger than the limit; nothing of the request was kept.'),
  TOO_MANY_EVENTS: final(413, 'The request has more records than the limit; nothing was stored.'),
  MEDIA_TYPE_UNSUPPORTED: final(415, 'Ingest does not accept this content type.'),
  ENCODING_UNSUPPORTED: final(415, 'Ingest does not accept this content encoding.'),
  ENCODING_INVALID: final(400, 'The body cannot be decompressed with its content encoding.'),
  UNAUTHENTICATED: final(401, 'The request carries no known API key.'),
  FORBIDDEN: final(403, 'The API key lacks the scope of this route.'),
  RATE_LIMITED: retry(429, 'Too many requests; the answer says when to retry.'),
  HOST_FORBIDDEN: final(403, 'The Host header names a host that this server does not serve.'),
  NOT_FOUND: final(404, 'There is no such route.'),
  METHOD_NOT_ALLOWED: final(405, 'The route exists, but not with this method.'),
  REQUEST_INVALID: final(422, 'A field of the request is missing, unknown or out of bounds.'),
  CURSOR_INVALID: final(400, 'The cursor was not issued by this route.'),
  RECEIPT_UNKNOWN: final(404, 'There is no receipt at this address.'),
  RECEIPT_ERASED: final(410, 'The receipt was erased.'),
  ERASURE_UNKNOWN: final(404, 'There is no erasure with this id.'),
  ERASURE_RUNNING: final(409, 'An erasure is not finished; resume it first.'),
  ERASURES_UNSUPPORTED: final(409, 'This deployment cannot erase.'),
  AUDIT_UNSUPPORTED: final(409, 'This deployment keeps no audit.'),
  EVENT_UNKNOWN: final(404, 'The index has no such event.'),
  METRIC_UNKNOWN: final(404, 'The server does not compute this metric.'),
  MONITOR_UNKNOWN: final(404, 'There is no such monitor.'),
  VERSION_UNKNOWN: final(404, 'The value has no such version.'),
  REPLAY_UNKNOWN: final(404, 'There is no replay with this id.'),
  REPLAY_EXISTS: final(409, 'A replay with this id was recorded with another selection.'),
  REPLAY_CANCELLED: final(409, 'The replay was cancelled; it sends nothing more.'),
  PLAN_STALE: final(409, 'The selection or a version has changed since the plan; nothing was sent.'),
  WINDOW_TOO_LARGE: final(422, 'The window has more inputs than the limit; no partial value is computed.'),
  ANSWER_TOO_LARGE: final(422, 'The answer is larger than this deployment can send; ask for fewer items at once.'),
  BUDGET_EXCEEDED: final(422, 'The question exceeds the budget of one answer, and a partial answer is not possible.'),
  CLIENT_GONE: final(400, 'The client disconnected before its request or its answer was complete.'),
} as const satisfies Record<string, ErrorInfo>;

/** Errors of the backend. An unavailable store is an error, never a false ACCEPTED. */
const BACKEND_CODES = {
  INDEX_UNAVAILABLE: retry(503, 'The index cannot be reached; nothing was acknowledged.'),
  RAW_LOG_UNAVAILABLE: retry(503, 'The raw log cannot be written or read; nothing was acknowledged.'),
  STORAGE_FULL: retry(503, 'The storage is full; nothing was acknowledged.'),
  PENDING: retry(503, 'The bytes are stored but not yet admitted; sending them again is safe.'),
  KEYS_UNAVAILABLE: retry(503, 'The API keys cannot be read, so every request is refused; nothing was acknowledged.'),
  SHUTTING_DOWN: retry(503, 'The server is stopping.'),
  READER_LOST: retry(503, 'The thread that computed the answer has ended; a new one takes its place.'),
  PARSER_LOST: retry(
    503,
    'The thread that parsed the request has ended and nothing was stored; a new one takes its place.',
  ),
  RAW_EXISTS: final(500, 'Another object is already stored under this raw key.'),
  RAW_MISSING: final(500, 'The index names a pack that the raw log does not have.'),
  RAW_CORRUPT: final(500, 'A pack of the raw log cannot be read, or differs from its recorded hash.'),
  HOUR_DAMAGED: final(500, 'A file of a closed hour is missing, or its bytes are not those that were written.'),
  ERASURE_DAMAGED: final(500, 'A file of an erasure cannot be read.'),
  LOG_DAMAGED: final(500, 'A file of the signed log is missing, or its bytes are not those that were written.'),
  LOG_CONTENDED: retry(503, 'Another process has appended to the signed log; retrying is safe.'),
  LOG_UNSIGNED: final(409, 'The signed log does not have this hour yet; it is appended once the hour is closed.'),
  LOG_ENTRY_TOO_LARGE: final(500, 'An entry of the signed log is larger than the format allows.'),
  STORE_UNAVAILABLE: retry(503, 'The store of versions, replays and messages cannot be reached.'),
  AUDIT_UNAVAILABLE: retry(503, 'The audit cannot be written; nothing was done.'),
  VERSION_CONTENDED: retry(503, 'Other processes kept appending versions of the same window; retrying is safe.'),
  FILE_EXISTS: final(500, 'Another object is already stored under this key.'),
  MANIFEST_MISSING: final(500, 'A version names a manifest that does not exist.'),
  MANIFEST_CORRUPT: final(500, 'A manifest cannot be read, or does not match its name.'),
  AGGREGATE_FAILED: final(422, 'A function of the aggregate threw, or its value is not JSON.'),
  MESSAGE_INVALID: final(500, 'A message of the queue is not a replay message.'),
  MESSAGE_ABANDONED: final(
    500,
    'The message was received repeatedly and never finished; processing it may crash the process.',
  ),
  IDENTITY_COLLISION: final(500, 'Two different identities have the same event id.'),
  INTERNAL: retry(500, 'The server failed in an unexpected way.'),
} as const satisfies Record<string, ErrorInfo>;

/** Errors at start-up: what prevents it, and how to fix it. */
const START_CODES = {
  CONFIG_INVALID: final(0, 'The configuration cannot be used.'),
  BIND_REFUSED: final(0, 'Without API keys the server listens on loopback only.'),
  DATA_DIR_LOCKED: final(0, 'Another process owns the data directory.'),
  DATA_DIR_UNUSABLE: final(0, 'The data directory cannot be created, read or written.'),
  DATA_DIR_NEWER: final(0, 'The data directory was written by a newer version.'),
  INDEX_CORRUPT: final(0, 'The index file is damaged; `pik rebuild` rebuilds it from the raw log.'),
  LOG_ROLLBACK: final(0, 'The signed log is shorter than a checkpoint that was made of it: a backup was restored.'),
  LOG_FORKED: final(
    0,
    'The entries of the signed log differ from those of a checkpoint or commit that was made of it.',
  ),
  LOG_KEY_UNUSABLE: final(
    0,
    'The private key of the signed log is missing, is the wrong key, or can be read by others.',
  ),
  WITNESS_REFUSED: final(0, 'A witness has not signed the checkpoint.'),
  LOG_KEY_INVALID: final(0, 'The text does not name a public key.'),
  INDEX_MISSING: final(0, 'The raw log has packs but the index file is missing; `pik rebuild` rebuilds it.'),
} as const satisfies Record<string, ErrorInfo>;

/** Errors that only a client sees. */
const CLIENT_CODES = {
  NETWORK: retry(0, 'The backend could not be reached, or the connection broke.'),
  TARGET_REFUSED: final(0, 'The target of a delivery does not accept the event.'),
  SEND_FAILED: final(0, 'The request failed inside this process, before anything was sent.'),
  TIMEOUT: retry(0, 'No answer came within the time limit; the outcome is unknown.'),
  WINDOWS_FAILED: final(0, 'Windows of the replay could not be computed; their messages are dead letters.'),
  NOT_PROCESSED: retry(0, 'The messages were not processed within the time limit; they are still in the queue.'),
  ABORTED: final(0, 'The caller aborted the call; what was sent may have arrived.'),
  ANSWER_NOT_OURS: retry(0, 'The answer is not from the backend, or does not belong to this request.'),
  BUFFER_FULL: retry(0, "The producer's buffer is full."),
  DROPPED: retry(0, "The producer's buffer was full, and this was its oldest event."),
  PRODUCER_CLOSED: final(0, 'The producer was closed before this event was emitted.'),
  OUTBOX_FULL: retry(0, 'The outbox is at its quota, or the disk is full; the record was not stored.'),
  OUTBOX_FAILED: retry(0, 'The outbox could not write or sync; the record may not be stored.'),
  OUTBOX_CLOSED: final(0, 'The outbox was closed before this record was appended.'),
  EVENT_NOT_DECLARED: final(0, 'The catalog does not declare this event type.'),
  EVENT_NOT_SERIALIZABLE: final(0, 'The event has no JSON form.'),
  PAYLOAD_INVALID: final(0, 'The payload does not fit the schema of its event type.'),
  FILE_UNREADABLE: final(0, 'The file or folder cannot be read.'),
  FILE_INVALID: final(0, 'The file does not exist, or its form is not supported; nothing was sent.'),
  FILE_DAMAGED: final(0, 'The file cannot be read to its end.'),
} as const satisfies Record<string, ErrorInfo>;

/** Every error code with its meaning; docs/errors.md has the same list (a test compares them). */
export const ERRORS = {
  ...REJECT_CODES,
  ...REQUEST_CODES,
  ...BACKEND_CODES,
  ...START_CODES,
  ...CLIENT_CODES,
} as const;

/** The stable code of an error; never reused for another meaning. */
export type ErrorCode = keyof typeof ERRORS;

/** The stable code of a rejection. */
export type RejectCode = keyof typeof REJECT_CODES;

const MARKER: unique symbol = Symbol.for('@pik/KitError');

/**
 * The only error class of the kit. `code` is stable, `retryable` says whether the same call may succeed later, `cause`
 * is the underlying error. Check for it with `KitError.is`, which also works across two installed copies of the
 * package.
 *
 * @example
 * import { KitError } from '@pik/schema';
 *
 * try {
 *   await kit.getReplay('01890a5d-ac96-774b-bcce-b302099a8057');
 * } catch (error) {
 *   if (KitError.is(error) && error.code === 'REPLAY_UNKNOWN') console.log('nobody has replayed that');
 *   else throw error;
 * }
 */
export class KitError extends Error {
  readonly code: ErrorCode;
  /** JSON pointer to the fault in the input, if it is in one place. */
  readonly path: string | undefined;
  /** Milliseconds to wait before a retry, if the backend asked for a wait. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message?: string, options: KitErrorOptions = {}) {
    super(message ?? ERRORS[code].title, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'KitError';
    this.code = code;
    this.path = options.path;
    this.retryAfterMs = options.retryAfterMs;
    Object.defineProperty(this, MARKER, { value: true });
  }

  /** True if the same call may succeed when repeated. */
  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }

  /** True if the value is a `KitError` of any installed copy of the package. */
  static is(error: unknown): error is KitError {
    return typeof error === 'object' && error !== null && MARKER in error;
  }
}

/** Optional properties of a `KitError`. */
export interface KitErrorOptions {
  readonly cause?: unknown;
  readonly path?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** The page that has cause, example and fix of each code. */
const ERRORS_PAGE = 'https://github.com/pipeline-investigation-kit/pipeline-investigation-kit/blob/main/docs/errors.md';

/** The address of the part of the documentation about a code: the `type` of problem+json. It stays the same for ever. */
export function errorPage(code: ErrorCode): string {
  return `${ERRORS_PAGE}#${code.toLowerCase()}`;
}
