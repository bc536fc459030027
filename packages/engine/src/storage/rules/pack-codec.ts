import { type Envelope, formatEpochMs } from '@pik/schema';

import type { ParsedRecord } from '../../ingest/rules/parse-record.ts';
import type { PackedRequest } from '../../ports/rows.ts';

/** The records of one request. */
export interface RequestRecords {
  readonly requestId: string;
  readonly principal: string | null;
  readonly records: readonly ParsedRecord[];
}

/** The facts about a receipt that do not follow from its record. */
export interface EnvelopeHead {
  readonly requestId: string;
  readonly principal: string | null;
  readonly line: number;
  readonly requestLine: number | undefined;
  readonly toBase64: (bytes: Uint8Array) => string;
  /** The number of the pack in the order of the log, stored on its first line; null if it has none. */
  readonly sequence: number | null;
}

/** The envelope of one parsed record. */
export function envelopeOf(parsed: ParsedRecord, head: EnvelopeHead): Envelope {
  const { event, record } = parsed;
  const known = {
    received_at: formatEpochMs(parsed.received_ms),
    request_id: head.requestId,
    line: head.line,
    ...(head.requestLine === undefined ? {} : { request_line: head.requestLine }),
    principal: head.principal,
    imported: parsed.imported,
    event_id: event === null ? null : event.event_id,
    reject_code: parsed.fault === null ? null : parsed.fault.code,
    source: parsed.source,
    event_type: parsed.event_type,
    entity_id: event === null ? null : event.entity_id,
    event_time: event === null ? null : event.event_time.utc,
    payload_hash: event === null ? null : event.payload_hash,
    ...(parsed.reingest_of === undefined ? {} : { reingest_of: parsed.reingest_of }),
    ...(parsed.mapping === undefined ? {} : { mapping: parsed.mapping }),
    ...(parsed.volatile === undefined ? {} : { volatile: parsed.volatile }),
    ...(parsed.file_line === undefined ? {} : { file_line: parsed.file_line }),
    ...(head.line === 0 && head.sequence !== null ? { sequence: head.sequence } : {}),
  };
  return 'text' in record ? { ...known, body: record.text } : { ...known, body_base64: head.toBase64(record.bytes) };
}

/** The text of a pack: the receipts of its requests, one after another, each an envelope in a line of NDJSON. */
export function encodePack(
  requests: readonly RequestRecords[],
  pack: Pick<EnvelopeHead, 'sequence' | 'toBase64'>,
): string {
  let text = '';
  let line = 0;
  for (const { requestId, principal, records } of requests) {
    for (const [requestLine, parsed] of records.entries()) {
      text += `${JSON.stringify(envelopeOf(parsed, { ...pack, requestId, principal, line, requestLine }))}\n`;
      line += 1;
    }
  }
  return text;
}

/** The envelopes of a pack's text. Throws a SyntaxError if `encodePack` cannot have written it. */
export function decodePack(text: string): Envelope[] {
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new SyntaxError('the last line has no line break');
  const envelopes: Envelope[] = [];
  for (const [index, line] of lines.entries()) {
    const envelope = JSON.parse(line) as Envelope;
    if (envelope.line !== index) throw new SyntaxError(`line ${index} says that it is line ${envelope.line}`);
    if (!continues(envelope, envelopes.at(-1))) throw new SyntaxError(`line ${index} has no place in a request`);
    envelopes.push(envelope);
  }
  return envelopes;
}

/** True if a line is the first of a request, or the next one of the request of the line before it. */
function continues(envelope: Envelope, before: Envelope | undefined): boolean {
  const place = envelope.request_line ?? envelope.line;
  if (place === 0) return true;
  if (before === undefined || envelope.request_id !== before.request_id) return false;
  return envelope.principal === before.principal && place === (before.request_line ?? before.line) + 1;
}

/** The requests whose receipts a pack holds, in order of their lines. */
export function packedRequests(envelopes: readonly Envelope[]): PackedRequest[] {
  const requests: { request_id: string; principal: string | null; lines: number }[] = [];
  for (const { request_id, principal, request_line, line } of envelopes) {
    const last = requests.at(-1);
    if (last === undefined || (request_line ?? line) === 0) requests.push({ request_id, principal, lines: 1 });
    else last.lines += 1;
  }
  return requests;
}
