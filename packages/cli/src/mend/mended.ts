import { LIMITS, type RejectedReceipt } from '@pik/schema';
import { errorMessage } from '../errno.ts';

import { isJson } from '../files/json-text.ts';
import { type RejectMap, receivedBytes } from './reject-map.ts';

/** A receipt with the record to send instead. */
export interface Mended {
  readonly receipt: RejectedReceipt;
  readonly before: Uint8Array;
  /** The mended text; null if the receipt is sent unchanged. */
  readonly text: string | null;
}

/** The reason why a receipt is not sent again. */
export interface Unmended {
  readonly receipt: RejectedReceipt;
  readonly status: 'LEFT' | 'MAP_FAILED' | 'REJECTED';
  readonly code: string;
  readonly detail: string;
}

/** Mends one receipt. An error thrown by the map affects only that receipt. */
export async function mendOne(receipt: RejectedReceipt, map: RejectMap | null): Promise<Mended | Unmended> {
  const before = receivedBytes(receipt);
  if (map === null) return checked({ receipt, before, text: null });
  const { body, body_base64, ...facts } = receipt;
  let mended: unknown;
  try {
    mended = await map(new TextDecoder().decode(before), { ...facts, bytes: before });
  } catch (error) {
    return { receipt, status: 'MAP_FAILED', code: receipt.code, detail: `the map threw: ${errorMessage(error)}` };
  }
  if (mended === null || mended === undefined)
    return { receipt, status: 'LEFT', code: receipt.code, detail: 'the map left it as it is' };
  const text = typeof mended === 'object' ? JSON.stringify(mended) : mended;
  if (typeof text === 'string') return checked({ receipt, before, text });
  const detail = `the map returned a ${typeof mended}, not record text or an object`;
  return { receipt, status: 'MAP_FAILED', code: receipt.code, detail };
}

/** Refuses records here that would make the backend reject the whole request. */
function checked(mended: Mended): Mended | Unmended {
  const { receipt, before, text } = mended;
  const bytes = text === null ? before : Buffer.from(text);
  const refuse = (code: string, detail: string): Unmended => ({ receipt, status: 'REJECTED', code, detail });
  if (bytes.length > LIMITS.event_bytes_max)
    return refuse('EVENT_TOO_LARGE', `${bytes.length} bytes; at most ${LIMITS.event_bytes_max}`);
  if (bytes.includes(0x0a) && !isJson(text ?? Buffer.from(before).toString('latin1')))
    return refuse('JSON_SYNTAX', 'the record spans lines and is not JSON');
  if (text !== null && !text.isWellFormed())
    return refuse('LONE_SURROGATE', 'the text has a surrogate without its pair');
  return mended;
}
