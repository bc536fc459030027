import type { IngestPipeline } from '../api/pipeline.ts';
import { readBody } from './body.ts';
import type { Handler } from './call.ts';
import { answerOf } from './ingest-answer.ts';
import { isGzip } from './media-type.ts';

/**
 * `POST /hooks/:name`: a delivery of a declared webhook, whatever its content type. Its signature takes the place of an API key; a
 * delivery with a bad one is kept as rejected.
 */
export const hook: Handler<'hook', IngestPipeline> = async ({ pipeline }, call) => {
  const { requestId, receivedMs, principal } = call;
  const done = pipeline.arriving(receivedMs);
  try {
    const { bytes, wireBytes } = await readBody(call.request, { gzip: isGzip(call.request.headers) });
    call.notes.bytes_in = wireBytes;
    // The pipeline keeps the headers that the webhook needs, and no other.
    const around = { ...Object.fromEntries(call.request.headers), ':hook': call.params.name ?? '' };
    const dryRun = call.query.dry_run ?? false;
    const common = { mode: 'live', receivedMs, requestId, principal, dryRun } as const;
    const answer = await pipeline.ingest({ ...common, body: bytes, format: 'whole', wire: { name: 'hook', around } });
    call.notes.counts = answer.counts;
    return answerOf(answer, call);
  } finally {
    done();
  }
};
