import { ingestQuerySchema } from './api-queries.ts';
import { completenessReportSchema } from './completeness.ts';
import { failuresReportSchema, reingestAnswerSchema, reingestBodySchema } from './failures.ts';
import { gapsReportSchema } from './gaps.ts';
import {
  completenessQuerySchema,
  duplicatesQuerySchema,
  failuresQuerySchema,
  gapsQuerySchema,
  lagQuerySchema,
  rejectsQuerySchema,
} from './report-queries.ts';
import { duplicatesReportSchema, lagReportSchema, rejectPageSchema } from './reports.ts';

/** The routes of reports and rejects. */
export const REPORT_ROUTES = {
  lag: {
    method: 'GET',
    path: '/reports/lag',
    scope: 'investigate',
    summary: 'Where is data delayed?',
    query: lagQuerySchema,
    response: lagReportSchema,
  },
  duplicates: {
    method: 'GET',
    path: '/reports/duplicates',
    scope: 'investigate',
    summary: 'What came more than once?',
    query: duplicatesQuerySchema,
    response: duplicatesReportSchema,
  },
  rejects: {
    method: 'GET',
    path: '/rejects',
    scope: 'investigate',
    summary: 'Rejected receipts and conflicts, with the address of their bytes.',
    query: rejectsQuerySchema,
    response: rejectPageSchema,
  },
  failures: {
    method: 'GET',
    path: '/reports/failures',
    scope: 'investigate',
    summary: 'Which source or event type fails most?',
    query: failuresQuerySchema,
    response: failuresReportSchema,
  },
  gaps: {
    method: 'GET',
    path: '/reports/gaps',
    scope: 'investigate',
    summary: 'Which days or windows are missing, and why?',
    query: gapsQuerySchema,
    response: gapsReportSchema,
  },
  completeness: {
    method: 'GET',
    path: '/reports/completeness',
    scope: 'investigate',
    summary: 'How complete is each event day, and when will an open one be?',
    query: completenessQuerySchema,
    response: completenessReportSchema,
  },
  reingest: {
    method: 'POST',
    path: '/rejects/reingest',
    scope: 'ingest',
    summary: 'Send rejected receipts again after a fix; each keeps a link to the original.',
    query: ingestQuerySchema,
    body: reingestBodySchema,
    response: reingestAnswerSchema,
  },
} as const;
