import { KitError } from '@pik/schema';

import type { IngestAnswer, IngestPipeline } from '../api/pipeline.ts';
import { json } from './answer.ts';
import { readBody } from './body.ts';
import type { Answer, Handler } from './call.ts';
import { answerOf } from './ingest-answer.ts';
import { isGzip } from './media-type.ts';

const ENCODINGS: Readonly<Record<string, string>> = {
  'application/json': 'json',
  'application/x-protobuf': 'protobuf',
};

/** `POST /v1/logs`: log records of OpenTelemetry, in JSON or protobuf; rejected ones are a partial success. */
export const otlpLogs: Handler<'otlpLogs', IngestPipeline> = async ({ pipeline }, call) => {
  const { requestId, receivedMs, principal } = call;
  const type = (call.request.headers.get('content-type') ?? '').toLowerCase().split(';')[0]?.trim() ?? '';
  const encoding = Object.hasOwn(ENCODINGS, type) ? ENCODINGS[type] : undefined;
  if (encoding === undefined)
    throw new KitError('MEDIA_TYPE_UNSUPPORTED', `send one of ${Object.keys(ENCODINGS).join(', ')}`);
  const done = pipeline.arriving(receivedMs);
  try {
    // A request without records is empty in protobuf.
    const { bytes, wireBytes } = await readBody(call.request, { gzip: isGzip(call.request.headers), mayBeEmpty: true });
    call.notes.bytes_in = wireBytes;
    const dryRun = call.query.dry_run ?? false;
    const common = { mode: 'live', receivedMs, requestId, principal, dryRun } as const;
    const wire = { name: 'otlp-logs', around: { encoding } };
    const answer = await pipeline.ingest({ ...common, body: bytes, format: 'whole', wire });
    call.notes.counts = answer.counts;
    if (dryRun || answer.unreadable) return answerOf(answer, call);
    // The exporter sends the request again.
    if (answer.counts.PENDING !== undefined) throw new KitError('PENDING');
    return encoding === 'json' ? json(partialSuccess(answer)) : protoAnswer(partialSuccess(answer));
  } finally {
    done();
  }
};

interface Exported {
  readonly partialSuccess?: { readonly rejectedLogRecords: string; readonly errorMessage: string };
}

function partialSuccess({ results, counts }: IngestAnswer): Exported {
  const first = results.find(({ status }) => status === 'REJECTED');
  if (first === undefined) return {};
  const errorMessage = `kept as rejected; the first: ${first.code}: ${first.detail}`;
  return { partialSuccess: { rejectedLogRecords: String(counts.REJECTED), errorMessage } };
}

/** `ExportLogsServiceResponse` in protobuf: in field 1 the number of rejected records (1) and a message (2). */
function protoAnswer({ partialSuccess: partial }: Exported): Answer {
  const type = 'application/x-protobuf';
  if (partial === undefined) return { status: 200, type, body: new Uint8Array() };
  const message = Buffer.from(partial.errorMessage);
  const inner = Buffer.concat([
    Buffer.of(0x08),
    varint(Number(partial.rejectedLogRecords)),
    Buffer.of(0x12),
    varint(message.length),
    message,
  ]);
  return { status: 200, type, body: new Uint8Array(Buffer.concat([Buffer.of(0x0a), varint(inner.length), inner])) };
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}
