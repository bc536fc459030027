import { type ActionName, ERRORS, ROUTES, type Route, type RouteName } from '@pik/schema';

import type { AuditLog } from '../audit/audit-log.ts';
import { type AuditedEnd, type AuditedRequest, askedFields, isAct, isAudited } from '../audit/rules/audit-record.ts';
import type { Caller } from './auth.ts';
import type { Answer } from './call.ts';
import { readJsonBody } from './json-body.ts';
import { faultOf } from './problem.ts';

/** A request of an authenticated caller. */
export interface AuditedVisit {
  readonly request: Request;
  readonly requestId: string;
  readonly route: RouteName;
  readonly caller: Caller;
  readonly params: Readonly<Record<string, string>>;
}

/**
 * Answers a request and records it: a question once its answer is ready and before it leaves, an action before it begins and again when
 * it has ended. A crash in between leaves a record without an answer, or an ACT without its ACTED; never an answer or an action without a
 * record, unless records are counted as lost.
 *
 * @throws KitError `AUDIT_UNAVAILABLE`, and what `answer` throws.
 */
export async function audited(
  audit: AuditLog | undefined,
  visit: AuditedVisit,
  answer: () => Answer | Promise<Answer>,
): Promise<Answer> {
  const { route } = visit;
  if (audit === undefined || !isAudited(route)) return answer();
  const startedMs = performance.now();
  const asked = await requestOf(visit);
  if (isAct(route)) await audit.begin(asked);
  const end = (how: Pick<AuditedEnd, 'status' | 'code'>) =>
    audit.end(isAct(route) ? 'ACTED' : 'READ', asked, {
      ...how,
      duration_ms: Math.round((performance.now() - startedMs) * 1000) / 1000,
    });
  try {
    const answered = await answer();
    await end({ status: answered.status, code: null });
    return answered;
  } catch (error) {
    const { code } = faultOf(error);
    await end({ status: ERRORS[code].status, code });
    throw error;
  }
}

async function requestOf({ request, requestId, route, caller, params }: AuditedVisit): Promise<AuditedRequest> {
  const query = Object.fromEntries(new URL(request.url).searchParams);
  const body = await bodyOf(route, request);
  const given = askedFields(route, { ...body, ...query, ...params });
  return { request_id: requestId, route, principal: caller.name, owner: caller.owner, ...given };
}

/** The fields of an action's body. None of a body that its handler will refuse. */
async function bodyOf(route: RouteName, request: Request): Promise<object> {
  const { bodyFields = {} }: Route = ROUTES[route];
  if (Object.keys(bodyFields).length === 0 || request.body === null) return {};
  try {
    return (await readJsonBody(route as ActionName, request.clone())).body;
  } catch {
    return {};
  }
}
