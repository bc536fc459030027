import { type Envelope, formatEpochMs } from '@pik/schema';

import type { ParsedRecord } from '../../ingest/rules/parse-record.ts';

/** The facts that all lines of a pack share. */
export interface PackHead {
  readonly requestId: string;
  readonly principal: string | null;
  readonly toBase64: (bytes: Uint8Array) => string;
  /** Its number in the order of the log, stored on the first line; null if it has none. */
  readonly sequence: number | null;
}

/** The envelope of one parsed; `line` is its place in the pack, from 0. */
export function envelopeOf(parsed: ParsedRecord, line: number, head: PackHead): Envelope {
  const { event, record } = parsed;
  const known = {
    received_at: formatEpochMs(parsed.received_ms),
    request_id: head.requestId,
    line,
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
    ...(parsed.volatile === undefined ? {} : { volatile: parsed.volatile }),
    ...(parsed.file_line === undefined ? {} : { file_line: parsed.file_line }),
    ...(line === 0 && head.sequence !== null ? { sequence: head.sequence } : {}),
  };
  return 'text' in record ? { ...known, body: record.text } : { ...known, body_base64: head.toBase64(record.bytes) };
}

/** The text of a pack: one envelope per line, as NDJSON. */
export function encodePack(records: readonly ParsedRecord[], head: PackHead): string {
  let text = '';
  for (let line = 0; line < records.length; line++) {
    text += `${JSON.stringify(envelopeOf(records[line] as ParsedRecord, line, head))}\n`;
  }
  return text;
}

/** The envelopes of a pack's text. Throws a SyntaxError if `encodePack` cannot have written it. */
export function decodePack(text: string): Envelope[] {
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new SyntaxError('the last line has no line break');
  return lines.map((line, index) => {
    const envelope = JSON.parse(line) as Envelope;
    if (envelope.line !== index) throw new SyntaxError(`line ${index} says that it is line ${envelope.line}`);
    return envelope;
  });
}
