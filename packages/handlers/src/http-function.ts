import type { QuestionOptions } from '@pik/engine';
import type { Handlers, Pages } from '@pik/engine/http';
import { createAppOf, problem, toResponse } from '@pik/engine/http';
import { KitError, LIMITS } from '@pik/schema';
import { v7 } from 'uuid';
import { readSecret } from './aws-secret.ts';
import { CALLER_SETTINGS, createCallers } from './callers.ts';
import { foreignEvent, type HttpEvent, toRequest } from './http-event.ts';
import { type HttpResult, toResult } from './http-result.ts';
import { invoke, type Kit, type Setup } from './kit.ts';
import type { Invocation } from './telemetry.ts';

/** A function behind the API. */
export type HttpFunction = (event: HttpEvent, invocation: Invocation) => Promise<HttpResult>;

/** The settings of every function behind the API. */
export const HTTP_SETTINGS = CALLER_SETTINGS;

/**
 * The maximum time from the receipt of a request to the start of the function: a cold start plus the difference between
 * clocks. A request that claims a longer wait counts as received when the function began; `settleMs` relies on it.
 */
export const API_WAIT_MS_MAX = 15_000;

/** The time kept for the answer after its question ended early: to look up the rows that it names, and to send it. */
const ANSWER_MS = 5_000;
/** The time kept to send an error before the function times out. */
const LAST_MS = 1_000;

/** The parts of a function behind the API. */
export interface HttpFunctionOptions<P> {
  readonly setup: Setup;
  readonly kit: Kit<(typeof HTTP_SETTINGS)[number]>;
  readonly handlers: Handlers<P>;
  readonly pipeline: P;
  /** Pages at other paths than those of the routes. */
  readonly pages?: Pages | undefined;
}

/**
 * Creates the function that answers a set of routes: it converts an event to a request for the app, and the response to a
 * result.
 *
 * @throws KitError as `createCallers` does.
 */
export async function createHttpFunction<P>(options: HttpFunctionOptions<P>): Promise<HttpFunction> {
  const { setup, kit, handlers, pipeline, pages } = options;
  const events = new WeakMap<Request, HttpEvent>();
  const eventOf = (request: Request) => events.get(request);
  const asked = new WeakMap<Request, QuestionOptions>();
  const { now } = kit.context.backend.clock;
  const clock = () => now.call(kit.context.backend.clock);
  const authenticate = await createCallers({
    settings: kit.settings,
    readSecret: setup.readSecret ?? readSecret,
    now: clock,
    eventOf,
  });
  const arrived = (request: Request) => clock() - waitedMs(eventOf(request), clock());
  const asking = (request: Request) => asked.get(request) ?? {};
  const app = createAppOf(handlers, { pipeline, telemetry: kit.telemetry, authenticate, now: arrived, asking, pages });
  const answer = async (event: HttpEvent, question: QuestionOptions) => {
    let request: Request;
    try {
      request = toRequest(event);
    } catch {
      return ownAnswer('REQUEST_INVALID', { requestId: v7(), method: 'GET' });
    }
    events.set(request, event);
    asked.set(request, question);
    const response = await app.fetch(request);
    const result = await toResult(response, { gzip: acceptsGzip(request) });
    if (result !== null) return result;
    const requestId = response.headers.get('x-request-id') ?? v7();
    kit.telemetry.log('warn', 'answer_too_large', { request_id: requestId });
    return ownAnswer('ANSWER_TOO_LARGE', { requestId, method: request.method });
  };
  return (event, invocation) => {
    const foreign = foreignEvent(event);
    if (foreign !== null) return invoke(kit, invocation, { run: () => foreignAnswer(kit, foreign) });
    const api_wait_ms = waitedMs(event, clock());
    const fields = { api_request_id: event.requestContext.requestId, api_wait_ms };
    const run = () => withTimeLeft(invocation, (question) => answer(event, question));
    return invoke(kit, invocation, { fields, run });
  };
}

/** Answers a test event or a ping without an error, so that no alarm rings; a wrong integration gets an error that names the fix. */
async function foreignAnswer(
  kit: Pick<Kit<never>, 'telemetry'>,
  { isHttp, text }: { isHttp: boolean; text: string },
): Promise<HttpResult> {
  kit.telemetry.log(isHttp ? 'error' : 'info', 'foreign_event', { text });
  if (isHttp) return ownAnswer('REQUEST_INVALID', { requestId: v7(), method: 'POST' }, text);
  const headers = { 'content-type': 'application/json' };
  return { statusCode: 200, headers, body: JSON.stringify({ ignored: text }), isBase64Encoded: false };
}

/** Ends a question early while there is time to answer, or else fails it before the function times out silently. */
async function withTimeLeft<T>(invocation: Invocation, work: (question: QuestionOptions) => Promise<T>): Promise<T> {
  const leftMs = invocation.getRemainingTimeInMillis();
  const timeMs = Math.max(1, Math.min(LIMITS.question_aws_ms_max, leftMs - ANSWER_MS));
  const end = new AbortController();
  const timer = setTimeout(() => end.abort(new KitError('BUDGET_EXCEEDED', TOO_LONG)), Math.max(1, leftMs - LAST_MS));
  try {
    return await work({ signal: end.signal, timeMs });
  } finally {
    clearTimeout(timer);
  }
}

const TOO_LONG =
  'the question takes longer than a function may run; ask for a smaller window or range, or for one source';

/** How long a request waited between the API and this code, because of a cold start or throttling. */
function waitedMs(event: HttpEvent | undefined, nowMs: number): number {
  const waited = nowMs - (event?.requestContext.timeEpoch ?? nowMs);
  return waited >= 0 && waited <= API_WAIT_MS_MAX ? waited : 0;
}

function acceptsGzip(request: Request): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(\.0+)?\s*(,|$))/.test(request.headers.get('accept-encoding') ?? '');
}

async function ownAnswer(
  code: 'REQUEST_INVALID' | 'ANSWER_TOO_LARGE',
  call: { requestId: string; method: string },
  detail?: string,
): Promise<HttpResult> {
  return (await toResult(toResponse(problem({ code, detail }, call), call), { gzip: false })) as HttpResult;
}
