/** What can be done about an error of a store: wait and try again, or nothing before an operator has acted. */
export type Failure =
  /** It has too much to do; nothing happened. */
  | 'throttled'
  /** It did not answer, or not in time: the request may have taken effect or not. */
  | 'transient'
  /** It refuses, and will refuse again. */
  | 'final';

/** Thrown where bytes that came back are not those that were stored; reading again may give them whole. */
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
  // A transaction was under way on the row, such as that which adds a part to a replay.
  'TransactionConflictException',
  'TooManyRequestsException',
]);

const TRANSIENT = new Set([
  'AbortError',
  // S3: another conditional write of the key was under way. It says nothing about whether the key exists.
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

/** What an error of a store stands for; null for any other error, which is a fault of ours. */
export function failureOf(error: unknown): Failure | null {
  if (!(error instanceof Error)) return null;
  const { name, code = '', $metadata, $retryable } = error as StoreError;
  const status = $metadata?.httpStatusCode ?? 0;
  if (THROTTLED.has(name) || status === 429 || $retryable?.throttling === true) return 'throttled';
  // A corrected clock makes the next signature good, whatever the error was called.
  const clockCorrected = $metadata?.clockSkewCorrected === true;
  if (TRANSIENT.has(name) || NETWORK.has(code) || status >= 500 || clockCorrected) return 'transient';
  return $metadata === undefined ? null : 'final';
}

/** The HTTP status of a store's error; 0 without one. */
export function statusOf(error: unknown): number {
  return (error as StoreError | null)?.$metadata?.httpStatusCode ?? 0;
}
