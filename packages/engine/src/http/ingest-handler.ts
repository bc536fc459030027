import type { RouteName } from '@pik/schema';

import type { IngestPipeline, IngestRequest } from '../api/pipeline.ts';
import { json } from './answer.ts';
import { readBody } from './body.ts';
import type { Call, Handler, Handlers } from './call.ts';
import { hook } from './hook-handler.ts';
import { answerOf } from './ingest-answer.ts';
import { readJsonBody } from './json-body.ts';
import { ingestForm } from './media-type.ts';
import { otlpLogs } from './otlp-handler.ts';
import { segment } from './segment-handler.ts';

/** The two routes that take events. */
type IngestRoute = Extract<RouteName, 'ingest' | 'import'>;

/** Ingests events in all forms and encodings of `media-type.ts`; each record gets its own result. */
function ingestHandler(mode: IngestRequest['mode']): Handler<IngestRoute, IngestPipeline> {
  return async ({ pipeline }, call) => {
    const { requestId, receivedMs, principal } = call;
    // Its events count as received from now on, however long the body takes to arrive.
    const done = pipeline.arriving(receivedMs);
    try {
      const { format, gzip, wire } = ingestForm(call.request.headers, { ...call.query, isPage: call.isPage });
      // A CloudEvent in binary mode may have no data.
      const { bytes, wireBytes } = await readBody(call.request, { gzip, mayBeEmpty: format === 'whole' });
      call.notes.bytes_in = wireBytes;
      const dryRun = call.query.dry_run ?? false;
      // A parameter of the import route only.
      const { first_line: firstLine } = call.query as Call<'import'>['query'];
      const request = { body: bytes, format, wire, mode, firstLine, receivedMs, requestId, principal, dryRun };
      const answer = await pipeline.ingest(request);
      call.notes.counts = answer.counts;
      return answerOf(answer, call);
    } finally {
      done();
    }
  };
}

/** `POST /rejects/reingest`: rejected receipts arrive again, like any request with events. */
const reingest: Handler<'reingest', IngestPipeline> = async ({ pipeline }, call) => {
  const done = pipeline.arriving(call.receivedMs);
  try {
    const { body, wireBytes } = await readJsonBody('reingest', call.request);
    call.notes.bytes_in = wireBytes;
    return json(await pipeline.reingest(body, { ...call, dryRun: call.query.dry_run ?? false }));
  } finally {
    done();
  }
};

/** The handlers of the routes that write events. */
export const INGEST_HANDLERS = {
  ingest: ingestHandler('live'),
  import: ingestHandler('import'),
  reingest,
  otlpLogs,
  segment,
  hook,
} satisfies Handlers<IngestPipeline>;
