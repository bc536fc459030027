import {
  at,
  type Envelope,
  isPackId,
  KitError,
  LIMITS,
  parseTime,
  type ReingestAnswer,
  type ReingestBody,
  type VolatileOf,
} from '@pik/schema';
import type { ReingestRequester, Wire } from '../api/pipeline.ts';
import type { Context } from '../runtime/context.ts';
import { envelopeBody } from '../storage/pack-store.ts';
import { createPackReader } from '../storage/raw-events.ts';
import { predictOutcomes } from './dry-run.ts';
import { signedWire } from './hooks.ts';
import { predictedAnswer } from './ingest-answer.ts';
import { readArrival } from './rules/arrivals.ts';
import type { ParsedRecord } from './rules/parse-record.ts';
import { fitsUtf8, type RawRecord } from './rules/record-split.ts';
import { storeAndAdmit } from './write-group.ts';

/**
 * Ingests rejected receipts again: with corrected text, or unchanged if the rules have changed. They become new receipts,
 * received now, each with the address of its original in its envelope. Sent twice, they are repeats. A dry run returns the
 * outcomes that they would have now, and writes nothing.
 *
 * @throws KitError `RECEIPT_UNKNOWN`; `REQUEST_INVALID` for a receipt that was not rejected or that came through an import.
 */
export async function reingest(
  context: Context,
  { receipts }: ReingestBody,
  { dryRun, ...requester }: ReingestRequester,
): Promise<ReingestAnswer> {
  const { records, predicted } = await context.parsing(async () => {
    const mended = await mendedRecords(context, receipts, requester);
    if (dryRun) return { records: mended, predicted: predictedAnswer(mended, await predictOutcomes(context, mended)) };
    await context.groups.room();
    return { records: mended, predicted: null };
  });
  const { results } =
    predicted ?? (await storeAndAdmit(context, { records, lines: null }, { ...requester, imported: false }));
  return {
    results: results.map((result, i) => ({ original: addressOf(at(receipts, i)), result })),
  };
}

async function mendedRecords(
  context: Context,
  receipts: ReingestBody['receipts'],
  { receivedMs }: Pick<ReingestRequester, 'receivedMs'>,
): Promise<ParsedRecord[]> {
  const read = createKnownReader(context);
  const records: ParsedRecord[] = [];
  for (const [i, { pack_id, line, body }] of receipts.entries()) {
    const path = `/receipts/${i}`;
    const original = await rejectedAt({ read, path }, pack_id, line);
    if (body !== undefined && !fitsUtf8(body, LIMITS.event_bytes_max))
      throw new KitError('EVENT_TOO_LARGE', `the record has more than ${LIMITS.event_bytes_max} bytes`, { path });
    const mended = body ?? original.body;
    const record = mended === undefined ? { bytes: envelopeBody(original) } : { text: mended };
    // A map runs at the sender, so the mended form of a record that it read is an event in the kit's own form.
    const isOwnForm = body !== undefined && original.mapping?.name === 'mapped';
    const arrival = { record, wire: isOwnForm ? null : wireOf(context, original, record) };
    const volatileOf = volatileOfOriginal(context, original);
    const parsed = readArrival(arrival, context.mappings, { receivedMs, imported: false, volatileOf });
    records.push({ ...parsed, reingest_of: { pack_id, line } });
  }
  return records;
}

/**
 * A corrected record uses the declaration that applied to its original, so that it matches events received with the
 * original. If the original named no source and type, or the correction changes them, today's declaration applies.
 */
function volatileOfOriginal(context: Context, original: Envelope): VolatileOf {
  const { volatile = null } = original;
  return (source, event_type) =>
    source === original.source && event_type === original.event_type
      ? volatile
      : context.volatileOf(source, event_type);
}

/** The wire that brought a receipt. Its record arrives again, so the mapping of that wire reads it as declared now. */
function wireOf({ hooks }: Context, { mapping, received_at }: Envelope, record: RawRecord): Wire | null {
  if (mapping === undefined) return null;
  const { name, around } = mapping;
  const wire = { name, around: around === undefined ? null : JSON.parse(around) };
  const body = 'text' in record ? new TextEncoder().encode(record.text) : record.bytes;
  return signedWire(hooks, wire, { body, receivedMs: parseTime(received_at)?.epoch_ms ?? 0 });
}

function addressOf({ pack_id, line }: { pack_id: string; line: number }) {
  return { pack_id, line };
}

type ReadKnown = (packId: string) => Promise<readonly Envelope[] | null>;

/**
 * Reads packs that the index knows; returns null for others. It does not ask the log whether a pack exists: without the
 * right to list a bucket, S3 does not distinguish a missing object from a forbidden one.
 */
function createKnownReader(context: Context): ReadKnown {
  const read = createPackReader(context);
  const known = new Map<string, boolean>();
  return async (packId) => {
    if (!known.has(packId)) known.set(packId, (await context.backend.index.getPack(packId)) !== null);
    return known.get(packId) === true ? read(packId) : null;
  };
}

async function rejectedAt(
  { read, path }: { read: ReadKnown; path: string },
  packId: string,
  line: number,
): Promise<Envelope> {
  if (!isPackId(packId)) throw new KitError('REQUEST_INVALID', 'pack_id is not the id of a pack', { path });
  const pack = await read(packId);
  if (pack === null) throw new KitError('RECEIPT_UNKNOWN', `there is no pack ${packId}`, { path });
  const envelope = pack[line];
  if (envelope === undefined) throw new KitError('RECEIPT_UNKNOWN', `the pack ${packId} has no line ${line}`, { path });
  if (envelope.reject_code === null)
    throw new KitError('REQUEST_INVALID', `line ${line} of the pack ${packId} was not rejected`, { path });
  // A reingest would lose the receive time that the import claimed, and keys of this scope may not claim one.
  if (envelope.imported)
    throw new KitError('REQUEST_INVALID', 'the receipt came through an import; import the mended record', { path });
  return envelope;
}
