import { type ErrorCode, type IngestResult, KitError } from '@pik/schema/events';

import type { AcceptedParts } from '../accepted-results.ts';
import type { ContentParts } from '../content-parts.ts';
import type { RequestPath } from '../transport.ts';

/** The target of one producer's requests. */
export interface ThreadTarget {
  readonly url: string | undefined;
  readonly apiKey: string | undefined;
  readonly requestTimeoutMs: number;
  readonly gzipBytesMin: number;
}

/** A message to the thread. All numbers are unique in their thread. */
export type ToThread =
  /** Posts records of a batch. The first request of a batch brings its target and content. */
  | {
      readonly kind: 'post';
      readonly request: number;
      readonly batch: number;
      readonly opening: { readonly target: ThreadTarget; readonly parts: ContentParts } | null;
      /** Requests with equal numbers have equal indexes, and so the same bytes. */
      readonly selection: number;
      /** Null: all records. */
      readonly indexes: readonly number[] | null;
      readonly path: RequestPath;
    }
  /** Ends a request that nobody waits for any more. */
  | { readonly kind: 'abort'; readonly request: number }
  /** Releases a batch. */
  | { readonly kind: 'end'; readonly batch: number };

/** The first message of a thread, which has loaded its file. */
export interface ThreadReady {
  readonly ready: true;
}

/** The outcome of a request: results, or an error. `bytes`: of its body; 0 if it has none. */
export type FromThread = { readonly request: number; readonly bytes: number } & (
  | { readonly accepted: AcceptedParts }
  | { readonly results: readonly (IngestResult | null)[]; readonly eventIds: readonly (string | null)[] }
  | { readonly error: ErrorParts }
);

/** A `KitError` in a form that can be sent to another thread. Its cause stays behind. */
export interface ErrorParts {
  readonly code: ErrorCode;
  readonly message: string;
  readonly path: string | undefined;
  readonly retryAfterMs: number | undefined;
}

/** Takes an error apart. */
export function errorParts({ code, message, path, retryAfterMs }: KitError): ErrorParts {
  return { code, message, path, retryAfterMs };
}

/** The error that was taken apart. */
export function errorOf({ code, message, ...options }: ErrorParts): KitError {
  return new KitError(code, message, options);
}
