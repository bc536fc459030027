import { ERRORS, type ErrorCode, errorPage, KitError, type Problem, type Scope } from '@pik/schema';

import type { Answer } from './call.ts';
import { ENCODINGS } from './media-type.ts';

/** Seconds to wait if the backend does not state a time. */
const RETRY_AFTER_S = 1;

/** One error as the answer states it. */
export interface Fault {
  readonly code: ErrorCode;
  readonly detail?: string | undefined;
  readonly path?: string | undefined;
  readonly raw_key?: string | undefined;
  readonly line?: number | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** The facts about the called route that the headers of a problem need. */
export interface ProblemContext {
  readonly requestId: string;
  readonly scopes?: readonly Scope[];
  /** The methods that the path has. */
  readonly allow?: string;
}

/** The problem+json answer (RFC 9457) of a fault. */
export function problem(fault: Fault, context: ProblemContext): Answer {
  const { status, title, retryable } = ERRORS[fault.code];
  const body: Problem = {
    type: errorPage(fault.code),
    title,
    status,
    code: fault.code,
    // JSON leaves out what is undefined.
    detail: fault.detail,
    path: fault.path,
    request_id: context.requestId,
    retryable,
    raw_key: fault.raw_key,
    line: fault.line,
  };
  return {
    status,
    type: 'application/problem+json',
    body: JSON.stringify(body),
    headers: problemHeaders(fault, context),
  };
}

function problemHeaders(fault: Fault, context: ProblemContext): Record<string, string> {
  const { code } = fault;
  if (code === 'UNAUTHENTICATED') return { 'www-authenticate': 'Bearer realm="pik"' };
  if (code === 'FORBIDDEN') {
    return {
      'www-authenticate': `Bearer realm="pik", error="insufficient_scope", scope="${(context.scopes ?? []).join(' ')}"`,
    };
  }
  if (code === 'METHOD_NOT_ALLOWED') return { allow: context.allow ?? '' };
  if (code === 'ENCODING_UNSUPPORTED') return { 'accept-encoding': ENCODINGS.join(', ') };
  return [429, 503].includes(ERRORS[code].status) ? { 'retry-after': retryAfter(fault.retryAfterMs) } : {};
}

function retryAfter(ms: number | undefined): string {
  return String(ms === undefined ? RETRY_AFTER_S : Math.max(1, Math.ceil(ms / 1000)));
}

/**
 * The part of an error that a caller may see. An error without a code, or with a code that never crosses HTTP, becomes
 * INTERNAL; the cause of a server failure stays in the log.
 */
export function faultOf(error: unknown): Fault {
  if (!KitError.is(error)) return { code: 'INTERNAL' };
  const { code, path, retryAfterMs } = error;
  // A newer copy of the package may bring a code that this one does not know.
  const status = Object.hasOwn(ERRORS, code) ? ERRORS[code].status : 0;
  if (status === 0) return { code: 'INTERNAL' };
  if (status >= 500) return { code, retryAfterMs };
  return { code, detail: error.message, path, retryAfterMs };
}
