import { KitError } from '@pik/schema';

import type { InvestigatePipeline } from '../api/pipeline.ts';
import { json } from './answer.ts';
import type { Handlers } from './call.ts';
import { home, listRoutes } from './home.ts';
import { openApiText } from './openapi.ts';
import { QUESTION_HANDLERS } from './question-handlers.ts';
import { readReceipt } from './receipt-handler.ts';
import { tailHandler } from './tail-handler.ts';

/** The handlers of the routes that write nothing. */
export const INVESTIGATE_HANDLERS = {
  home,
  routes: listRoutes,
  ...QUESTION_HANDLERS,
  tail: tailHandler,
  receipt: readReceipt,
  healthz: async ({ pipeline, health }) => {
    await pipeline.ready();
    const clock = pipeline.clockFault();
    return json({ status: 'ok', ...(clock === null ? {} : { clock }), ...(await health?.()) });
  },
  openapi: () => ({ status: 200, type: 'application/json', body: openApiText() }),
  metrics: async ({ metricsText }) => {
    if (metricsText === null) throw new KitError('NOT_FOUND', 'this process keeps no metrics');
    return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: await metricsText() };
  },
  mcp: async ({ mcp }, { request }) => {
    if (mcp === null) throw new KitError('NOT_FOUND', 'this process does not answer MCP');
    const { status, headers, body } = await mcp(request);
    return { status, type: headers.get('content-type') ?? 'application/json', body };
  },
} satisfies Handlers<InvestigatePipeline>;
