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
    ...rareFields(parsed, head),
  };
  return 'text' in record ? { ...known, body: record.text } : { ...known, body_base64: head.toBase64(record.bytes) };
}

/** The fields that most lines do not have. */
function rareFields(parsed: ParsedRecord, head: Pick<EnvelopeHead, 'line' | 'sequence'>) {
  return {
    ...(parsed.reingest_of === undefined ? {} : { reingest_of: parsed.reingest_of }),
    ...(parsed.mapping === undefined ? {} : { mapping: parsed.mapping }),
    ...(parsed.volatile === undefined ? {} : { volatile: parsed.volatile }),
    ...(parsed.file_line === undefined ? {} : { file_line: parsed.file_line }),
    ...(head.line === 0 && head.sequence !== null ? { sequence: head.sequence } : {}),
  };
}

/** The text of a pack: the receipts of its requests, one after another, each an envelope in a line of NDJSON. */
export function encodePack(
  requests: readonly RequestRecords[],
  pack: Pick<EnvelopeHead, 'sequence' | 'toBase64'>,
): string {
  const quoted = createQuoting();
  let text = '';
  let line = 0;
  for (const { requestId, principal, records } of requests) {
    for (const [requestLine, parsed] of records.entries()) {
      text += envelopeLine(parsed, { ...pack, requestId, principal, line, requestLine }, quoted);
      line += 1;
    }
  }
  return text;
}

/** Texts as JSON, and the last few of each place: most lines of a pack share them. */
interface Quoting {
  readonly requestId: Quote<string>;
  readonly principal: Quote<string | null>;
  readonly source: Quote<string | null>;
  readonly eventType: Quote<string | null>;
  readonly receivedAt: Quote<number>;
}
type Quote<T> = (value: T) => string;

function createQuoting(): Quoting {
  return {
    requestId: lastOf(JSON.stringify),
    principal: lastOf(JSON.stringify),
    source: lastOf(JSON.stringify),
    eventType: lastOf(JSON.stringify),
    receivedAt: lastOf((ms: number) => `"${formatEpochMs(ms)}"`),
  };
}

function lastOf<T>(convert: (value: T) => string): Quote<T> {
  let last: { value: T; text: string } | null = null;
  return (value) => {
    if (last === null || last.value !== value) last = { value, text: convert(value) };
    return last.text;
  };
}

/** The line of an envelope: what `JSON.stringify` makes of `envelopeOf`, in about half the time. */
function envelopeLine(parsed: ParsedRecord, head: EnvelopeHead, quoted: Quoting): string {
  const { event, record, fault } = parsed;
  let text = `{"received_at":${quoted.receivedAt(parsed.received_ms)},"request_id":${quoted.requestId(head.requestId)}`;
  text += `,"line":${head.line},"request_line":${head.requestLine},"principal":${quoted.principal(head.principal)}`;
  text += `,"imported":${parsed.imported},"event_id":${event === null ? null : `"${event.event_id}"`}`;
  text += `,"reject_code":${fault === null ? null : `"${fault.code}"`},"source":${quoted.source(parsed.source)}`;
  text += `,"event_type":${quoted.eventType(parsed.event_type)}`;
  text +=
    event === null
      ? ',"entity_id":null,"event_time":null,"payload_hash":null'
      : `,"entity_id":${JSON.stringify(event.entity_id)},"event_time":"${event.event_time.utc}","payload_hash":"${event.payload_hash}"`;
  const rare = JSON.stringify(rareFields(parsed, head));
  if (rare !== '{}') text += `,${rare.slice(1, -1)}`;
  text +=
    'text' in record ? `,"body":${JSON.stringify(record.text)}` : `,"body_base64":"${head.toBase64(record.bytes)}"`;
  return `${text}}\n`;
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
