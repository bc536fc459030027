import { tableText } from '@pik/render';
import type { Reject } from '@pik/sdk/investigator';
import { type GlobalOptions, investigator, print } from '../session.ts';
import { type RangeOptions, startOf } from '../times.ts';

/** Options of `pik rejects`. */
export interface RejectsOptions extends GlobalOptions, RangeOptions {
  readonly code?: string | undefined;
  readonly source?: string | undefined;
  readonly type?: string | undefined;
  readonly limit: string;
}

/** Lists rejected receipts and conflicts, the latest first. True if there are none. */
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
  const none = found.length === 0 && options.json !== true ? await whyNone(options) : '';
  print(options, found, () =>
    found.length === 0 ? none : tableText(['received', 'code', 'why', 'series', 'receipt'], rows),
  );
  return found.length === 0;
}

/** States whether there are no rejects at all or only none that the options select. */
async function whyNone(options: RejectsOptions): Promise<string> {
  const { code, source, type, from, since, to } = options;
  const given = Object.entries({ code, source, type, from, since, to }).filter(([, value]) => value !== undefined);
  const nothing = 'Nothing was rejected';
  if (given.length === 0) return `${nothing}.`;
  const filters = given.map(([flag, value]) => `--${flag} ${value}`).join(' ');
  for await (const { code: latest, received_at } of investigator(options).readRejects())
    return `${nothing} that matches ${filters}. Without ${given.length === 1 ? 'it' : 'them'} there is at least one reject: ${latest}, received ${received_at}.`;
  return `${nothing}, with or without these options.`;
}
