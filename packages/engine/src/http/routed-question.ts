import { ROUTES, type Route, type RouteName } from '@pik/schema';

import type { Call, RoutedQuestion } from './call.ts';

/**
 * True for a declared question: its answer is computed from stored data, so any thread can answer it. Only the thread that ingests
 * knows what arrives.
 */
export function isReading(route: RouteName): boolean {
  const declared: Route = ROUTES[route];
  return Object.hasOwn(declared, 'name') && declared.audit !== 'act' && route !== 'tail';
}

/** The question of a call in a form that can be passed to another thread. */
export function routedQuestion<N extends RouteName>(
  route: N,
  { request, requestId, receivedMs, principal, isMasked, params, query }: Omit<Call<N>, 'notes' | 'asking'>,
  body?: object,
): RoutedQuestion {
  const accept = request.headers.get('accept');
  return {
    route,
    url: request.url,
    accept,
    requestId,
    receivedMs,
    principal,
    isMasked,
    params: { ...params },
    query,
    body,
  };
}
