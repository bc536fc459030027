import { floorToHour, KitError, packStoredMs } from '@pik/schema';
import type { PackSalts } from '../compact/rules/hour-files.ts';
import { leavesOf, linesOf, saltedRoot, saltsOf } from '../compact/salts.ts';
import type { ParsedRecord } from '../ingest/rules/parse-record.ts';
import { parsedEnvelope, sweep } from '../ingest/sweep.ts';
import type { Eraser } from '../ports/eraser.ts';
import type { PackRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';
import { packedText, readBytes, unpacked } from '../storage/pack-store.ts';
import { decodeLine } from '../storage/rules/pack-codec.ts';
import { hourSeeds } from './hour-seeds.ts';
import { entityNeedles, erasedText, namesEntity, rewriteFault, saltsWithout } from './rules/erased-lines.ts';
import type { ErasureIntent, PlannedPack } from './rules/erasure-files.ts';

/** An erasure at work. */
export interface Erasing {
  readonly context: Context;
  readonly eraser: Eraser;
  readonly intent: ErasureIntent;
  /** Called before each effect, so that a test can end the work there. */
  readonly effect: (name: string) => void;
}

/** A pack with the lines that an erasure erases. */
interface FoundPack {
  readonly row: PackRow;
  readonly text: Buffer;
  readonly lines: ReadonlySet<number>;
}

const EVER_MS = 2 ** 47;

/**
 * Writes a revision of each pack stored from a time on that has lines of the erasure, reads it back and compares it. None counts yet.
 *
 * @throws KitError `PENDING` while a pack is not admitted; `RAW_MISSING`, `RAW_CORRUPT`.
 */
export async function rewritePacks(erasing: Erasing, fromMs: number): Promise<PlannedPack[]> {
  const planned: PlannedPack[] = [];
  const seeds = hourSeeds(erasing.context);
  for await (const found of findPacks(erasing.context, {
    entityIds: erasing.intent.entity_ids,
    receipts: erasing.intent.receipts,
    fromMs,
  })) {
    const { pack_id } = found.row;
    const revision = (await erasing.eraser.revisionOf(pack_id)) + 1;
    const salts = await seeds(floorToHour(packStoredMs(pack_id)), pack_id);
    await rewritePack(erasing, found, { revision, salts });
    planned.push({ pack_id, revision, lines: [...found.lines] });
  }
  return planned;
}

async function rewritePack(
  { eraser, intent, effect }: Erasing,
  { row, text, lines }: FoundPack,
  { revision, salts }: { revision: number; salts: PackSalts | null },
): Promise<void> {
  const { pack_id, outcomes } = row;
  const before = linesOf(text);
  const leaves = salts === null ? null : leavesOf(salts, before);
  const leafOf = leaves === null ? null : (line: number) => Buffer.from(leaves[line] ?? []).toString('hex');
  const producerOf = (line: number) => lineRecord(before[line] ?? new Uint8Array(0)).producer;
  const now = erasedText(before, { erasureId: intent.erasure_id, pack_id, outcomes, lines, leafOf, producerOf });
  effect('revision');
  await eraser.writeRevision(pack_id, revision, await packedText(now));
  const stored = await eraser.readRevision(pack_id, revision);
  if (stored === null) throw new KitError('RAW_MISSING', `the pack ${pack_id} was rewritten and cannot be read`);
  const after = await unpacked(pack_id, stored);
  const fault = rewriteFault(before, linesOf(after), lines) ?? rootFault(text, after, { salts, lines });
  if (fault !== null)
    throw new KitError('RAW_CORRUPT', `the pack ${pack_id} was not rewritten as it must be: ${fault}`);
}

function rootFault(
  before: Buffer,
  after: Buffer,
  { salts, lines }: { salts: PackSalts | null; lines: ReadonlySet<number> },
): string | null {
  if (salts === null) return null;
  const rest: PackSalts = { salts: saltsWithout(saltsOf(salts, linesOf(before).length), lines) };
  return Buffer.compare(saltedRoot(salts, before), saltedRoot(rest, after)) === 0 ? null : 'its root has changed';
}

/** Where an erasure looks, and for what. */
export interface ErasureSearch {
  readonly entityIds: readonly string[];
  readonly receipts: ErasureIntent['receipts'];
  /** The packs stored from then on. */
  readonly fromMs: number;
}

/** The packs with lines of an erasure, in the order of their ids. Throws `PENDING` while one is not admitted. */
export async function* findPacks(
  context: Context,
  { entityIds, receipts, fromMs }: ErasureSearch,
): AsyncGenerator<FoundPack> {
  const { backend, budget } = context;
  const named = new Map<string, Set<number>>();
  for (const { pack_id, line } of receipts) named.set(pack_id, (named.get(pack_id) ?? new Set()).add(line));
  const needles = entityNeedles(entityIds);
  let isSwept = false;
  const packIds = needles.length === 0 ? [...named.keys()].sort() : allPacks(context, fromMs);
  for await (const packId of packIds) {
    await budget.turn();
    let row = await backend.index.getPack(packId);
    if (row === null && !isSwept) {
      // Receipts that are not admitted yet would come to the index after the erasure.
      await sweep(context, { minAgeMs: 0, lookBackMs: Number.POSITIVE_INFINITY });
      isSwept = true;
    }
    row ??= await backend.index.getPack(packId);
    if (row === null) throw new KitError('PENDING', `the pack ${packId} is not admitted yet`);
    const text = await unpacked(packId, await readBytes(context, packId));
    const lines = linesToErase(text, { row, needles, named: named.get(packId) ?? NONE });
    if (lines.size > 0) yield { row, text, lines };
  }
}

const NONE: ReadonlySet<number> = new Set();

function allPacks({ backend }: Context, fromMs: number): AsyncIterable<string> {
  return readPages((cursor) => backend.rawLog.list({ fromMs, toMs: EVER_MS, cursor }));
}

function linesToErase(
  text: Buffer,
  {
    row,
    needles,
    named,
  }: {
    row: PackRow;
    needles: ReturnType<typeof entityNeedles>;
    named: ReadonlySet<number>;
  },
): Set<number> {
  const found = new Set<number>();
  for (const [line, bytes] of linesOf(text).entries()) {
    // The envelope of a rejected record does not name its entity.
    const isRejected = needles.length > 0 && row.outcomes[line] === 'R';
    const isMeant = named.has(line) || namesEntity(bytes, needles) || (isRejected && isRejectOf(bytes, needles));
    if (isMeant && decodeLine(Buffer.from(bytes).toString('utf8')).erased === undefined) found.add(line);
  }
  return found;
}

function isRejectOf(bytes: Uint8Array, needles: ReturnType<typeof entityNeedles>): boolean {
  const { entity_id } = lineRecord(bytes);
  return needles.some(({ entityId }) => entityId === entity_id);
}

function lineRecord(bytes: Uint8Array): ParsedRecord {
  return parsedEnvelope(decodeLine(Buffer.from(bytes).toString('utf8')));
}
