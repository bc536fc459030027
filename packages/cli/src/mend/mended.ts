import { LIMITS, type RejectedReceipt } from '@pik/schema';

import { isJson } from '../files/json-text.ts';
import { type RejectMap, receivedBytes } from './reject-map.ts';

/** A receipt with the record that is sent in its place. */
export interface Mended {
  readonly receipt: RejectedReceipt;
  readonly before: Uint8Array;
  /** Null: it is sent again as it is. */
  readonly text: string | null;
}

/** Why a receipt is not sent again. */
export interface Unmended {
  readonly receipt: RejectedReceipt;
  readonly status: 'LEFT' | 'MAP_FAILED' | 'REJECTED';
  readonly code: string;
  readonly detail: string;
}

/** Mends one receipt. What a map throws concerns that receipt alone. */
export async function mendOne(receipt: RejectedReceipt, map: RejectMap | null): Promise<Mended | Unmended> {
  const before = receivedBytes(receipt);
  if (map === null) return checked({ receipt, before, text: null });
  const { body, body_base64, ...facts } = receipt;
  let mended: unknown;
  try {
    mended = await map(new TextDecoder().decode(before), { ...facts, bytes: before });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { receipt, status: 'MAP_FAILED', code: receipt.code, detail: `the map threw: ${detail}` };
  }
  if (mended === null || mended === undefined)
    return { receipt, status: 'LEFT', code: receipt.code, detail: 'the map left it as it is' };
  const text = typeof mended === 'object' ? JSON.stringify(mended) : mended;
  if (typeof text === 'string') return checked({ receipt, before, text });
  const detail = `the map gave a ${typeof mended}, not the text of a record or an object`;
  return { receipt, status: 'MAP_FAILED', code: receipt.code, detail };
}

/** What would take others of its request with it is refused here. */
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
