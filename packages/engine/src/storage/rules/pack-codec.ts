import { type Envelope, type ErasedLine, formatEpochMs } from '@pik/schema';

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
  const encode = createLineEncoder(pack.toBase64);
  let text = '';
  let line = 0;
  for (const request of requests) {
    text += encode.lines(request, { line, sequence: pack.sequence });
    line += request.records.length;
  }
  return text;
}

/** A line of a pack without its head: what does not depend on the place of its request in the pack. */
export interface LineRest {
  /** Follows the line number; the sequence of the pack may come between `facts` and `body`. */
  readonly facts: string;
  readonly body: string;
}

/** Makes lines of packs: what `JSON.stringify` makes of `envelopeOf`, in about half the time. */
export interface LineEncoder {
  /** The lines of a request in a pack, from this line on. */
  lines(request: RequestRecords, at: { readonly line: number; readonly sequence: number | null }): string;
  /** The start of every line of a live request, up to its line number. */
  head(requestId: string, receivedMs: number): string;
  rest(parsed: ParsedRecord, at: { readonly requestLine: number; readonly principal: string | null }): LineRest;
}

/** Creates an encoder. It keeps the last few texts as JSON: most lines of a pack share them. */
export function createLineEncoder(toBase64: EnvelopeHead['toBase64']): LineEncoder {
  const quoted = createQuoting();
  const head = (requestId: string, receivedMs: number) =>
    `{"received_at":${quoted.receivedAt(receivedMs)},"request_id":${quoted.requestId(requestId)},"line":`;
  const rest: LineEncoder['rest'] = (parsed, { requestLine, principal }) => {
    const place = `,"request_line":${requestLine},"principal":${quoted.principal(principal)}`;
    return { facts: place + factsText(parsed, quoted), body: bodyText(parsed, toBase64) };
  };
  return {
    head,
    rest,
    lines({ requestId, principal, records }, at) {
      let text = '';
      for (const [requestLine, parsed] of records.entries()) {
        const line = at.line + requestLine;
        const { facts, body } = rest(parsed, { requestLine, principal });
        text += `${head(requestId, parsed.received_ms)}${line}${facts}${sequenceText({ ...at, line })}${body}`;
      }
      return text;
    },
  };
}

/** The number of a pack in the order of the log, as its first line holds it. */
export function sequenceText({ line, sequence }: Pick<EnvelopeHead, 'line' | 'sequence'>): string {
  return line === 0 && sequence !== null ? `,"sequence":${sequence}` : '';
}

/** Texts as JSON, and the last few of each place. */
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

function factsText(parsed: ParsedRecord, quoted: Quoting): string {
  const { event, fault } = parsed;
  let text = `,"imported":${parsed.imported},"event_id":${event === null ? null : `"${event.event_id}"`}`;
  text += `,"reject_code":${fault === null ? null : `"${fault.code}"`},"source":${quoted.source(parsed.source)}`;
  text += `,"event_type":${quoted.eventType(parsed.event_type)}`;
  text +=
    event === null
      ? ',"entity_id":null,"event_time":null,"payload_hash":null'
      : `,"entity_id":${JSON.stringify(event.entity_id)},"event_time":"${event.event_time.utc}","payload_hash":"${event.payload_hash}"`;
  const { reingest_of, mapping, volatile, file_line } = parsed;
  if ((reingest_of ?? mapping ?? volatile ?? file_line) === undefined) return text;
  return `${text},${JSON.stringify(rareFields(parsed, { line: 1, sequence: null })).slice(1, -1)}`;
}

function bodyText({ record }: ParsedRecord, toBase64: EnvelopeHead['toBase64']): string {
  return 'text' in record
    ? `,"body":${JSON.stringify(record.text)}}\n`
    : `,"body_base64":"${toBase64(record.bytes)}"}\n`;
}

/** An envelope as it is stored. Of an erased receipt it has neither ids nor times nor a body. */
export interface StoredEnvelope extends Envelope {
  /** Present if the receipt was erased: its line. */
  readonly erased?: ErasedLine;
}

/** The envelope in a line of a pack. Throws a SyntaxError if the line is not JSON. */
export function decodeLine(line: string): StoredEnvelope {
  const stored = JSON.parse(line) as Envelope | ErasedLine;
  return 'erased' in stored ? erasedEnvelope(stored) : stored;
}

function erasedEnvelope(erased: ErasedLine): StoredEnvelope {
  const { line, request_id, request_line, principal, imported, source, event_type, sequence, received_hour } = erased;
  return {
    received_at: `${received_hour}:00:00.000000000Z`,
    request_id,
    line,
    request_line,
    principal,
    imported,
    event_id: null,
    reject_code: null,
    source,
    event_type,
    entity_id: null,
    event_time: null,
    payload_hash: null,
    ...(sequence === undefined ? {} : { sequence }),
    erased,
  };
}

/**
 * The envelopes of a pack's text. Throws a SyntaxError if neither `encodePack` nor an erasure can have written it.
 */
export function decodePack(text: string): StoredEnvelope[] {
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new SyntaxError('the last line has no line break');
  const envelopes: StoredEnvelope[] = [];
  for (const [index, line] of lines.entries()) {
    const envelope = decodeLine(line);
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
