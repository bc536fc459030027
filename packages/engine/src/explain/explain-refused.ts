import { counted, entityHash, type Finding, formatEpochMs, LIMITS, MS_PER_DAY, parseEventId } from '@pik/schema';

import type { EventQuery } from '../api/pipeline.ts';
import type { FailureRow } from '../ports/rows.ts';
import { unlessEnded } from '../runtime/budget.ts';
import type { Context } from '../runtime/context.ts';
import { readFirst, readPages } from '../runtime/pages.ts';
import { envelopeBody } from '../storage/pack-store.ts';
import { createPackReader } from '../storage/raw-events.ts';
import type { Attempts } from './attempts.ts';

/** Rejected receipts of an entity or a series that are counted; beyond that, the text says "at least". */
const COUNTED_MAX = 100;
const NAMED_MAX = 5;
/** Later than every receive time. */
const EVER_MS = 2 ** 47;

/** The result of a search among the rejected receipts, and what it covered. */
export interface RefusedSearch {
  readonly findings: readonly Finding[];
  /** True if a rejected receipt names the entity. */
  readonly named: boolean;
  readonly searched: readonly string[];
  readonly notSearched: readonly string[];
}

/** The event to search for among the rejected receipts. */
export interface RefusedQuestion {
  readonly query: EventQuery;
  readonly eventId: string | null;
  readonly asOfMs: number;
  /** The event time in question; null if unknown. */
  readonly time: number | null;
  readonly attempts: Attempts;
}

/**
 * Searches rejected receipts of all time that name the entity, by its hash in their rows; and, around the time in question,
 * the bytes of those whose entity is unreadable. The former are the strongest evidence, then those of the series.
 */
export async function searchRefused(context: Context, asked: RefusedQuestion): Promise<RefusedSearch> {
  const hash = 'entity_id' in asked.query ? entityHash(asked.query.entity_id) : hashOf(asked.eventId);
  if (hash === null) return { findings: [], named: false, searched: [], notSearched: [] };
  const { query, attempts } = asked;
  const missed: BytesSearch = { findings: [], searched: [], notSearched: [] };
  const none: BytesSearch = { ...missed, notSearched: [UNREADABLE] };
  const byHash = await attempts.run(NAMED, () => namedByHash(context, asked, hash), missed);
  const inBytes = async () => ('entity_id' in query ? namedByBytes(context, asked, query.entity_id) : none);
  const byBytes = await attempts.run(UNREADABLE, inBytes, missed);
  const findings = [...byHash.findings, ...byBytes.findings];
  const named = findings.length > 0;
  const series = () => ofSeries(context, asked);
  return {
    findings: named ? findings : await attempts.run('the rejected receipts of its source and type', series, []),
    named,
    searched: [...byHash.searched, ...byBytes.searched],
    notSearched: byBytes.notSearched,
  };
}

const NAMED = 'the rejected receipts that name the entity, whenever they were received';
const UNREADABLE = 'rejected receipts in which no entity can be read';

function hashOf(eventId: string | null): string | null {
  return eventId === null ? null : (parseEventId(eventId)?.entity_hash ?? null);
}

type Rows = { items: readonly FailureRow[]; more: boolean };

/** Prefers receipts received around the time; without any, those of any time. */
async function namedByHash(
  context: Context,
  { query, asOfMs, time }: RefusedQuestion,
  entity_hash: string,
): Promise<Omit<BytesSearch, 'notSearched'>> {
  const read = async (range: { fromMs: number; toMs: number }): Promise<Rows> => {
    const asked = { ...range, entity_hash, limit: LIMITS.page_items_max };
    const { items, more } = await readFirst(
      (cursor) => context.backend.index.listFailures({ ...asked, cursor }),
      COUNTED_MAX,
    );
    return { items: items.filter((row) => row.kind === 'REJECT' && isOfSeries(row, query)), more };
  };
  const near = time === null ? null : await read(around(time, asOfMs));
  const isNear = near !== null && near.items.length > 0;
  const rows = isNear ? near : await read({ fromMs: -EVER_MS, toMs: asOfMs + 1 });
  const searched = [NAMED];
  if (rows.items.length === 0) return { findings: [], searched };
  const when = isNear
    ? ' and received within a day of that time'
    : time === null
      ? ''
      : ', but none was received within a day of that time';
  return { findings: [rejected(rows, when)], searched };
}

function around(time: number, asOfMs: number): { fromMs: number; toMs: number } {
  return { fromMs: time - MS_PER_DAY, toMs: Math.min(time + MS_PER_DAY, asOfMs) + 1 };
}

/** True unless the row's series differs from that of a keyed event. A row may lack its series. */
function isOfSeries({ source, event_type }: FailureRow, query: EventQuery): boolean {
  if (!('source' in query)) return true;
  const same = (found: string | null, asked: string) => found === null || found === asked;
  return same(source, query.source) && same(event_type, query.event_type);
}

function rejected({ items, more }: Rows, when: string): Finding {
  const names = counted(items.length, 'receipt that names this entity was', 'receipts that name this entity were');
  const text = `${more ? 'At least ' : ''}${names} rejected (${codesOf(items)})${when}; ${items.length === 1 ? 'it may be the event asked for' : 'the event asked for may be among them'}.`;
  return { code: 'REJECTED', text, evidence: addresses(items) };
}

const codesOf = (rows: readonly FailureRow[]) => [...new Set(rows.map(({ code }) => code))].join(', ');
const addresses = (rows: readonly FailureRow[]) =>
  rows.slice(0, NAMED_MAX).map(({ pack_id, line }) => ({ pack_id, line }));

/** Searches the bytes of unreadable records for the entity id, those received nearest to the time first. */
async function namedByBytes(context: Context, asked: RefusedQuestion, entityId: string): Promise<BytesSearch> {
  const { query, asOfMs, time } = asked;
  const range = time === null ? { fromMs: -EVER_MS, toMs: asOfMs + 1 } : around(time, asOfMs);
  const span = time === null ? '' : ` received from ${formatEpochMs(range.fromMs)} to ${formatEpochMs(range.toMs)}`;
  const { rows, cut } = await unreadable(context, range, query);
  const distance = ({ received_ms }: FailureRow) => (time === null ? 0 : Math.abs(received_ms - time));
  const nearest = rows.toSorted((a, b) => distance(a) - distance(b)).slice(0, LIMITS.explain_rejects_read_max);
  const { named, gone } = await naming(context, nearest, entityId);
  const left = rows.length - nearest.length;
  const unread = counted(left, 'further rejected receipt');
  const notSearched = [
    ...(left > 0 ? [`${cut ? 'at least ' : ''}${unread}${span} in which no entity can be read`] : []),
    ...(cut && left === 0 ? [`rejected receipts beyond the latest ${LIMITS.explain_rejects_listed_max}${span}`] : []),
    ...(gone > 0 ? [`${counted(gone, 'rejected receipt')} whose bytes are gone`] : []),
    ...(time === null ? [] : ['rejected receipts of other times in which no entity can be read']),
  ];
  const looked = nearest.length - gone;
  const searched =
    looked > 0 ? [`the bytes of ${counted(looked, 'rejected receipt')}${span} in which no entity can be read`] : [];
  const finding = named.length === 0 ? [] : [byBytes(named)];
  return { findings: finding, searched, notSearched };
}

interface BytesSearch {
  readonly findings: readonly Finding[];
  readonly searched: readonly string[];
  readonly notSearched: readonly string[];
}

function byBytes(rows: readonly FailureRow[]): Finding {
  const names = counted(rows.length, 'receipt was', 'receipts were');
  const text = `${names} rejected (${codesOf(rows)}) around that time because no event can be read from it, although it contains the text of this id; this may be the event.`;
  return { code: 'REJECTED', text, evidence: addresses(rows) };
}

async function unreadable(
  context: Context,
  range: { fromMs: number; toMs: number },
  query: EventQuery,
): Promise<{ rows: FailureRow[]; cut: boolean }> {
  const rows: FailureRow[] = [];
  const asked = { ...range, limit: LIMITS.page_items_max };
  if (range.toMs <= range.fromMs) return { rows, cut: false };
  let left: number = LIMITS.explain_rejects_listed_max;
  for await (const row of readPages((cursor) => context.backend.index.listFailures({ ...asked, cursor }))) {
    if (left-- === 0) return { rows, cut: true };
    if (row.kind === 'REJECT' && row.entity_hash === null && isOfSeries(row, query)) rows.push(row);
  }
  return { rows, cut: false };
}

async function naming(
  context: Context,
  rows: readonly FailureRow[],
  entityId: string,
): Promise<{ named: FailureRow[]; gone: number }> {
  const read = createPackReader(context);
  // As a JSON string, to find ids with quotes and escapes; and bare, for records that are not JSON.
  const needles = [JSON.stringify(entityId), entityId.length >= BARE_CHARS_MIN ? entityId : null];
  const named: FailureRow[] = [];
  let gone = 0;
  for (const row of rows) {
    // Bytes that are gone name no entity; `verify` reports them.
    const envelope = await read(row.pack_id).then((pack) => pack[row.line], unlessEnded);
    if (envelope === undefined) gone += 1;
    const text = envelope === undefined ? '' : new TextDecoder().decode(envelopeBody(envelope));
    if (needles.some((needle) => needle !== null && text.includes(needle))) named.push(row);
  }
  return { named, gone };
}

/** A shorter id occurs in too many texts by chance. */
const BARE_CHARS_MIN = 6;

/** Finds recently rejected receipts of the series, if that is known. */
async function ofSeries(context: Context, { query, asOfMs }: RefusedQuestion): Promise<Finding[]> {
  if (!('source' in query)) return [];
  const series = { source: query.source, event_type: query.event_type };
  const asked = { fromMs: -EVER_MS, toMs: asOfMs + 1, ...series, limit: LIMITS.page_items_max };
  const { items, more } = await readFirst(
    (cursor) => context.backend.index.listFailures({ ...asked, cursor }),
    COUNTED_MAX,
  );
  const rejects = items.filter(({ kind }) => kind === 'REJECT');
  if (rejects.length === 0) return [];
  const count = counted(rejects.length, 'receipt of this source and type was', 'receipts of this source and type were');
  const text = `${more ? 'At least ' : ''}${count} rejected (${codesOf(rejects)}), and no readable one names the entity.`;
  return [{ code: 'REJECTED_IN_SERIES', text, evidence: addresses(rejects) }];
}
