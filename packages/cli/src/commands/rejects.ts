import { tableText } from '@pik/render';
import type { Reject } from '@pik/sdk/investigator';
import { type GlobalOptions, investigator, print } from '../session.ts';
import { type RangeOptions, startOf } from '../times.ts';

/** Which rejected receipts. */
export interface RejectsOptions extends GlobalOptions, RangeOptions {
  readonly code?: string;
  readonly source?: string;
  readonly type?: string;
  readonly limit: string;
}

/** Lists rejected receipts and conflicts, the latest first. True when there are none. */
export async function rejects(options: RejectsOptions): Promise<boolean> {
  const selection = {
    start_time: startOf(options),
    end_time: options.to,
    time_zone: options.timeZone,
    code: options.code,
    source: options.source,
    event_type: options.type,
  };
  const found: Reject[] = [];
  for await (const reject of investigator(options).readRejects(selection)) {
    found.push(reject);
    if (found.length >= Number(options.limit)) break;
  }
  const rows = found.map((r) => [
    r.received_at,
    r.code,
    r.detail ?? '',
    `${r.source ?? '?'} ${r.event_type ?? '?'}`,
    `${r.pack_id}/${r.line}`,
  ]);
  print(options, found, () =>
    found.length === 0 ? 'Nothing was rejected.' : tableText(['received', 'code', 'why', 'series', 'receipt'], rows),
  );
  return found.length === 0;
}
