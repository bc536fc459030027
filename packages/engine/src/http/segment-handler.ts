import { KitError } from '@pik/schema';

import type { IngestPipeline } from '../api/pipeline.ts';
import { json } from './answer.ts';
import { readBody } from './body.ts';
import type { Handler } from './call.ts';
import { answerOf } from './ingest-answer.ts';
import { isGzip } from './media-type.ts';

/** The calls by the names of their paths; libraries for browsers use short ones. */
const CALLS: Readonly<Record<string, string>> = {
  ...{ batch: 'batch', track: 'track', identify: 'identify', page: 'page', screen: 'screen', group: 'group' },
  ...{ alias: 'alias', import: 'batch' },
  ...{ b: 'batch', t: 'track', i: 'identify', p: 'page', s: 'screen', g: 'group', a: 'alias' },
};

/**
 * `POST /v1/batch`, `/v1/track` …: events of Segment and RudderStack. The content type is not checked: an SDK of RudderStack
 * names another one for gzipped JSON. Rejected records of a batch are kept, and the answer is a success anyway: an SDK
 * would send the batch again, or give up all of it.
 */
export const segment: Handler<'segment', IngestPipeline> = async ({ pipeline }, call) => {
  const { requestId, receivedMs, principal } = call;
  const name = call.params.call ?? '';
  if (!Object.hasOwn(CALLS, name)) throw new KitError('NOT_FOUND', `there is no call /v1/${name.slice(0, 64)}`);
  const done = pipeline.arriving(receivedMs);
  try {
    const { bytes, wireBytes } = await readBody(call.request, { gzip: isGzip(call.request.headers) });
    call.notes.bytes_in = wireBytes;
    const around = { call: CALLS[name] ?? '', ...(principal === null ? {} : { key_name: principal }) };
    const wire = { name: 'segment', around };
    const dryRun = call.query.dry_run ?? false;
    const common = { mode: 'live', receivedMs, requestId, principal, dryRun } as const;
    const answer = await pipeline.ingest({ ...common, body: bytes, format: 'whole', wire });
    call.notes.counts = answer.counts;
    const { counts, single } = answer;
    if (dryRun || (single && counts.REJECTED !== undefined)) return answerOf(answer, call);
    // The SDK sends the batch again.
    if (counts.PENDING !== undefined) throw new KitError('PENDING');
    return json({ success: true, counts });
  } finally {
    done();
  }
};
