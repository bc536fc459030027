import type { ParsedRecord } from './parse-record.ts';

/** A parsed request that waits to be stored. */
export interface ArrivedRequest {
  readonly records: readonly ParsedRecord[];
  readonly requestId: string;
  readonly principal: string | null;
  readonly imported: boolean;
  readonly receivedMs: number;
  readonly receipts: number;
  readonly bytes: number;
  /** True for an import: its lines are admitted by the times that they claim, which those of a neighbour would disturb. */
  readonly alone: boolean;
}

/** A request as it waits to be stored. */
export function arrivedRequest(
  records: readonly ParsedRecord[],
  request: Pick<ArrivedRequest, 'requestId' | 'principal' | 'imported' | 'receivedMs'>,
): ArrivedRequest {
  const { requestId, principal, imported, receivedMs } = request;
  let bytes = 0;
  // A text may have up to three times as many bytes as characters; this bounds memory, in which it has one or two each.
  for (const { record } of records) bytes += 'text' in record ? record.text.length : record.bytes.length;
  const size = { receipts: records.length, bytes, alone: imported };
  return { records, requestId, principal, imported, receivedMs, ...size };
}
