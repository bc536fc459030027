import { at, EPOCH_MS_MAX, EPOCH_MS_MIN, type Finding, formatInstant, MS_PER_DAY, timelineBound } from '@pik/schema';
import type { EventRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { readFirst } from '../runtime/pages.ts';
import { formOf, otherSpellings, spellingDifferences } from './rules/spellings.ts';

/** Spellings that are looked up concurrently. */
const AT_ONCE = 20;

/** The bounds of a search for entities with another spelling. */
export interface SpellingQuestion {
  readonly asOfMs: number;
  /** If set, the finding names an event within a day of this time, if one exists. */
  readonly time: number | null;
}

/** Finds entities whose ids differ only in spelling, such as an id that another program wrote in another Unicode form. */
export async function similarEntities(
  context: Context,
  entityId: string,
  question: SpellingQuestion,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const spellings = otherSpellings(entityId);
  for (let start = 0; start < spellings.length; start += AT_ONCE) {
    const some = spellings.slice(start, start + AT_ONCE);
    const found = await Promise.all(some.map((spelling) => anyEvent(context, spelling, question)));
    for (const [i, row] of found.entries()) if (row !== null) findings.push(similar(entityId, at(some, i), row));
  }
  return findings;
}

/** An event of an entity, preferably within a day of the time. */
async function anyEvent(
  context: Context,
  entityId: string,
  { asOfMs, time }: SpellingQuestion,
): Promise<EventRow | null> {
  const bound = (epoch_ms: number) => timelineBound(entityId, { epoch_ms, sub_ms_ns: 0 });
  const read = async (fromMs: number, toMs: number): Promise<EventRow | null> => {
    const range = { from: bound(fromMs), to: bound(toMs), asOfMs, limit: 1 };
    const { items } = await readFirst((cursor) => context.backend.index.listTimeline({ ...range, cursor }), 1);
    return items.find((row) => row.entity_id === entityId) ?? null;
  };
  const any = await read(EPOCH_MS_MIN, EPOCH_MS_MAX);
  if (any === null || time === null) return any;
  return (await read(time - MS_PER_DAY, time + MS_PER_DAY)) ?? any;
}

function similar(asked: string, found: string, row: EventRow): Finding {
  const differences = spellingDifferences(asked, found).join(' and ');
  const forms = [found, asked].map(formOf);
  const named =
    forms[0] !== forms[1] && forms[0] !== null ? ` (${forms[0]}; the one asked about is ${forms[1] ?? 'mixed'})` : '';
  const text = `There are events of ${JSON.stringify(found)}, an id that differs from the one asked about only in ${differences}${named}; one happened at ${formatInstant(row.event_ms, row.event_sub_ns)}.`;
  return { code: 'SIMILAR_ENTITY', text, evidence: [{ event_id: row.event_id }] };
}
