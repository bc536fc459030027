import { tableText } from '@pik/render';
import { rejectsQuestion } from '@pik/schema';
import type { Reject } from '@pik/sdk/investigator';
import { formOf } from '../forms/forms.ts';
import { investigator, print } from '../session.ts';
import { type AskOptions, flagsWithout, givenOf } from './question.ts';

/** The fields of `pik rejects`; its `--limit` counts over all pages. */
export const REJECTS_FIELDS = flagsWithout(rejectsQuestion.fields, 'include', 'limit', 'cursor');

/** Lists rejected receipts and conflicts, the latest first. True if there are none. */
export async function rejects(options: AskOptions): Promise<boolean> {
  const selection = givenOf({ fields: REJECTS_FIELDS }, options);
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
  const none = found.length === 0 && formOf(options) === 'table' ? await whyNone(options) : '';
  print(options, found, () =>
    found.length === 0 ? none : tableText(['received', 'code', 'why', 'series', 'receipt'], rows),
  );
  return found.length === 0;
}

/** States whether there are no rejects at all or only none that the options select. */
async function whyNone(options: AskOptions): Promise<string> {
  const { code, source, type, from, since, to } = options;
  const given = Object.entries({ code, source, type, from, since, to }).filter(([, value]) => value !== undefined);
  const nothing = 'Nothing was rejected';
  if (given.length === 0) return `${nothing}.`;
  const filters = given.map(([flag, value]) => `--${flag} ${value}`).join(' ');
  for await (const { code: latest, received_at } of investigator(options).readRejects())
    return `${nothing} that matches ${filters}. Without ${given.length === 1 ? 'it' : 'them'} there is at least one reject: ${latest}, received ${received_at}.`;
  return `${nothing}, with or without these options.`;
}
