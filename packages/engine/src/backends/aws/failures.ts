/** The kind of a store's error: retry later, or wait for an operator. */
export type Failure =
  /** The store is overloaded; the request had no effect. */
  | 'throttled'
  /** The store did not answer in time: the request may or may not have taken effect. */
  | 'transient'
  /** The store refuses, and will refuse again. */
  | 'final';

/** Thrown if the bytes read differ from the bytes stored; another read may succeed. */
export class DamagedBytes extends Error {
  override readonly name = 'DamagedBytes';
}

interface StoreError extends Error {
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly clockSkewCorrected?: boolean };
  readonly $retryable?: { readonly throttling?: boolean };
}

const THROTTLED = new Set([
  'BandwidthLimitExceeded',
  'LimitExceededException',
  'OverLimit',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
  // A transaction on the row was in progress, such as one that adds a part to a replay.
  'TransactionConflictException',
  'TooManyRequestsException',
]);

const TRANSIENT = new Set([
  'AbortError',
  // S3: another conditional write of the key was in progress. It does not show whether the key exists.
  'ConditionalRequestConflict',
  'DamagedBytes',
  'ExpiredToken',
  'ExpiredTokenException',
  'InternalError',
  'InternalServerError',
  'OperationAborted',
  'RequestTimeout',
  'RequestTimeoutException',
  'ServiceUnavailable',
  'TimeoutError',
  'TransactionInProgressException',
]);

const NETWORK = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/** Classifies an error of a store; null for any other error, which is our own fault. */
export function failureOf(error: unknown): Failure | null {
  if (!(error instanceof Error)) return null;
  const { name, code = '', $metadata, $retryable } = error as StoreError;
  const status = $metadata?.httpStatusCode ?? 0;
  if (THROTTLED.has(name) || status === 429 || $retryable?.throttling === true) return 'throttled';
  // After a clock correction the next signature is valid, regardless of the error's name.
  const clockCorrected = $metadata?.clockSkewCorrected === true;
  if (TRANSIENT.has(name) || NETWORK.has(code) || status >= 500 || clockCorrected) return 'transient';
  return $metadata === undefined ? null : 'final';
}

/** The HTTP status of a store's error; 0 if it has none. */
export function statusOf(error: unknown): number {
  return (error as StoreError | null)?.$metadata?.httpStatusCode ?? 0;
}
