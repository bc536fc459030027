import { KitError, type RouteName } from '@pik/schema';

import { compute, listMetrics, listVersions, select } from './aggregate-handlers.ts';
import { json } from './answer.ts';
import type { Handler } from './call.ts';
import { explainChange } from './change-handlers.ts';
import { explainByFields, explainById, readReceipt, readTimeline } from './event-handlers.ts';
import { homePage } from './home.ts';
import { ingestHandler } from './ingest-handler.ts';
import { openApiText } from './openapi.ts';
import { cancelReplay, getReplay, listDeadLetters, listReplays, redrive, startReplay } from './replay-handlers.ts';
import {
  listRejects,
  reingestRejects,
  reportCompleteness,
  reportDuplicates,
  reportFailures,
  reportGaps,
  reportLag,
  verifyHour,
} from './report-handlers.ts';

/** What answers each route. A route of `ROUTES` without a handler, or a handler without a route, does not compile. */
export const HANDLERS: { readonly [N in RouteName]: Handler<N> } = {
  home: () => ({ status: 200, type: 'text/html; charset=utf-8', body: homePage() }),
  ingest: ingestHandler('live'),
  import: ingestHandler('import'),
  event: explainById,
  eventByKey: explainByFields,
  receipt: readReceipt,
  timeline: readTimeline,
  selection: select,
  metricList: listMetrics,
  compute,
  versions: listVersions,
  explainChange,
  replay: startReplay,
  replayCancel: cancelReplay,
  replays: listReplays,
  replayById: getReplay,
  deadLetters: listDeadLetters,
  redrive,
  lag: reportLag,
  duplicates: reportDuplicates,
  completeness: reportCompleteness,
  failures: reportFailures,
  gaps: reportGaps,
  rejects: listRejects,
  reingest: reingestRejects,
  verify: verifyHour,
  healthz: async ({ pipeline }) => {
    await pipeline.ready();
    return json({ status: 'ok' });
  },
  openapi: () => ({ status: 200, type: 'application/json', body: openApiText() }),
  metrics: async ({ metricsText }) => {
    if (metricsText === null) throw new KitError('NOT_FOUND', 'this process keeps no metrics');
    return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: await metricsText() };
  },
};
