import type { RouteName } from '@pik/schema';

import type { Handler } from './call.ts';
import { INGEST_HANDLERS } from './ingest-handler.ts';
import { INVESTIGATE_HANDLERS } from './investigate-handlers.ts';
import { MONITOR_HANDLERS } from './monitor-handlers.ts';
import { REPLAY_HANDLERS } from './replay-handlers.ts';

/** The handler of each route. A route of `ROUTES` without a handler, or a handler without a route, does not compile. */
export const HANDLERS: { readonly [N in RouteName]: Handler<N> } = {
  ...INGEST_HANDLERS,
  ...INVESTIGATE_HANDLERS,
  ...REPLAY_HANDLERS,
  ...MONITOR_HANDLERS,
};
