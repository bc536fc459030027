import { createHash, randomBytes } from 'node:crypto';

import { KitError, LIMITS, packStoredMs } from '@pik/schema';

import { sequenceRows } from '../ingest/rules/sequences.ts';
import { parsedEnvelope } from '../ingest/sweep.ts';
import type { ErasableReceipt, ErasedSubjects, Eraser } from '../ports/eraser.ts';
import type { Context } from '../runtime/context.ts';
import { decodeBytes, readPack, sha256Of } from '../storage/pack-store.ts';
import type { StoredEnvelope } from '../storage/rules/pack-codec.ts';
import { eraseDay, eraseHour, hoursOf } from './erase-hours.ts';
import { erasureIds, putObject, readIntent, readPlans, readRecord, unfinishedIds } from './erasure-store.ts';
import { type Erasing, findPacks, rewritePacks } from './rewrite-packs.ts';
import {
  type ErasureIntent,
  type ErasurePlan,
  type ErasureRecord,
  erasureKeys,
  type PlannedPack,
  planText,
} from './rules/erasure-files.ts';

/** The entities and receipts to erase, and the reason. */
export interface ErasureRequest {
  readonly entityIds: readonly string[];
  readonly receipts: ErasureIntent['receipts'];
  readonly reason: string;
  readonly requestedBy: string | null;
}

/** Passes of one erasure: each finds only what was admitted during the previous pass. */
const PASSES_MAX = 20;
/** A pack stored up to this long before a pass began may have become visible only during it. */
const LOOK_BACK_MS = 600_000;

/** Copies that no erasure reaches. */
const RESIDUAL: ErasureRecord['residual'] = [
  { what: 'versions of metrics, their manifests, and replays that name the entity', until: 'they are removed by hand' },
  { what: 'records of the audit that name the entity or its events', until: 'their retention ends' },
  { what: 'backups, exports, cases, and indexes that a rebuild has set aside', until: 'they are removed by hand' },
  { what: 'outboxes of producers', until: 'their records are sent' },
];

/** The eraser of a backend. Throws `ERASURES_UNSUPPORTED`. */
export function eraserOf({ backend }: Context): Eraser {
  if (backend.eraser === undefined)
    throw new KitError('ERASURES_UNSUPPORTED', 'this deployment has no part that may remove what was stored');
  return backend.eraser;
}

/**
 * Stores what is to be erased; from then on the erasure can be resumed. Returns its id, and the salt of its subject tag.
 * @throws KitError `RECEIPT_UNKNOWN`; `REQUEST_INVALID` for a reason that names an entity, and for the first receipt of an event without
 * its further ones, which would be left without the payload that they are compared with.
 */
export async function beginErasure(context: Context, request: ErasureRequest): Promise<BegunErasure> {
  const { entityIds, receipts, reason } = request;
  if (entityIds.some((id) => reason.includes(id)))
    throw new KitError('REQUEST_INVALID', 'the reason is kept, so it must not name an entity that is erased', {
      path: '/reason',
    });
  await checkReceipts(context, receipts, LIMITS.deliveries_per_event_max);
  return storeIntent(context, request);
}

/** The id of an erasure, and the salt of its subject tag. */
export interface BegunErasure {
  readonly erasureId: string;
  readonly salt: string;
}

async function storeIntent(
  { backend, newId }: Context,
  { entityIds, receipts, reason, requestedBy }: ErasureRequest,
): Promise<BegunErasure> {
  const erasureId = newId();
  const salt = randomBytes(16).toString('hex');
  const intent: ErasureIntent = {
    erasure_id: erasureId,
    entity_ids: entityIds,
    receipts,
    reason,
    requested_by: requestedBy,
    requested_ms: backend.clock.now(),
    subject_tag: createHash('sha256').update(salt).update(JSON.stringify(entityIds)).digest('hex'),
  };
  await putObject(backend, erasureKeys(erasureId).intent, intent);
  return { erasureId, salt };
}

/** Events with `furtherMax` further receipts may have more of them than the index lists. */
async function checkReceipts(
  { backend }: Context,
  receipts: ErasureRequest['receipts'],
  furtherMax: number,
): Promise<void> {
  const asked = new Set(receipts.map(({ pack_id, line }) => `${pack_id}/${line}`));
  for (const [pack_id, ofPack] of Map.groupBy(receipts, (one) => one.pack_id)) {
    const bytes = await backend.rawLog.read(pack_id);
    const envelopes = bytes === null ? [] : await decodeBytes(pack_id, bytes);
    for (const { line } of ofPack) {
      const envelope = envelopes[line];
      if (envelope === undefined) throw new KitError('RECEIPT_UNKNOWN', `there is no receipt ${pack_id}/${line}`);
      const event = envelope.event_id === null ? null : await backend.index.getEvent(envelope.event_id);
      if (event?.pack_id !== pack_id || event.line !== line) continue;
      const further = await backend.index.getDeliveries(event);
      if (further.length >= furtherMax || further.some((one) => !asked.has(`${one.pack_id}/${one.line}`)))
        throw new KitError(
          'REQUEST_INVALID',
          `${pack_id}/${line} is the first receipt of an event that came again; name its further receipts too, or its entity`,
        );
    }
  }
}

/** The extent of a planned erasure. */
export interface ErasurePreview {
  readonly packs: number;
  readonly lines: number;
  /** Lines by the letter of their outcome. */
  readonly counts: Readonly<Record<string, number>>;
  /** The bytes of the packs that would be rewritten. */
  readonly bytes: number;
}

/** Counts what an erasure would erase, and writes nothing. Throws as `runErasure`. */
export async function previewErasure(
  context: Context,
  asked: Pick<ErasureRequest, 'entityIds' | 'receipts'>,
): Promise<ErasurePreview> {
  const counts: Record<string, number> = {};
  let [packs, lines, bytes] = [0, 0, 0];
  for await (const { row, lines: found } of findPacks(context, { ...asked, fromMs: 0 })) {
    packs += 1;
    lines += found.size;
    bytes += row.bytes;
    for (const line of found) count(counts, row.outcomes[line]);
  }
  return { packs, lines, counts, bytes };
}

function count(counts: Record<string, number>, letter = '?'): void {
  counts[letter] = (counts[letter] ?? 0) + 1;
}

/** The records of finished erasures, oldest first. */
export async function listErasures({ backend }: Context): Promise<ErasureRecord[]> {
  const found: ErasureRecord[] = [];
  for (const id of await erasureIds(backend)) {
    const record = await readRecord(backend, id);
    if (record !== null) found.push(record);
  }
  return found;
}

/**
 * Repeats finished erasures whose receipts are in the log again, as after the restore of a backup. Returns null if there is nothing.
 * Errors as `runErasure`.
 */
export async function replayErasures(context: Context, requestedBy: string | null): Promise<ErasureRecord | null> {
  const { backend } = context;
  const plans: ErasurePlan[] = [];
  for (const id of await erasureIds(backend)) for (const plan of await readPlans(backend, id)) plans.push(plan);
  const receipts: { pack_id: string; line: number }[] = [];
  for (const [pack_id, erased] of linesOf(allPacks(plans))) {
    if (!(await backend.rawLog.has(pack_id))) continue;
    const envelopes = await readPack(context, pack_id);
    for (const line of erased)
      if (envelopes[line] !== undefined && envelopes[line].erased === undefined) receipts.push({ pack_id, line });
  }
  if (receipts.length === 0) return null;
  // The first erasures removed all receipts of an entity, also those that the index does not list.
  await checkReceipts(context, receipts, Number.POSITIVE_INFINITY);
  const { erasureId } = await storeIntent(context, { entityIds: [], receipts, reason: 'replay', requestedBy });
  return runErasure(context, erasureId);
}

/**
 * Tells an index that has no rows yet which revisions of packs count. Called before it is filled from the log: the plans of erasures name
 * them, since each was stored once all of its revisions were.
 */
export async function restoreRevisions({ backend }: Context): Promise<void> {
  const { eraser } = backend;
  if (eraser === undefined) return;
  for (const id of await erasureIds(backend))
    for (const { pack_id, revision } of allPacks(await readPlans(backend, id)))
      if ((await eraser.revisionOf(pack_id)) < revision && (await eraser.readRevision(pack_id, revision)) !== null)
        await eraser.setRevision(pack_id, revision);
}

/** The erasures that were begun and are not finished, oldest first. */
export function unfinishedErasures({ backend }: Context): Promise<string[]> {
  return unfinishedIds(backend);
}

/**
 * Runs an erasure that was begun, or the rest of it. Every step is idempotent, so it may end anywhere and be run again. Nothing may close
 * hours or recompute windows meanwhile.
 *
 * @throws KitError `ERASURE_UNKNOWN`; `PENDING` while a pack is not admitted; errors of the backend.
 */
export async function runErasure(
  context: Context,
  erasureId: string,
  effect: (name: string) => void = () => {},
): Promise<ErasureRecord> {
  const { backend } = context;
  const eraser = eraserOf(context);
  const intent = await readIntent(backend, erasureId);
  const record = await readRecord(backend, erasureId);
  if (intent === null) {
    if (record === null) throw new KitError('ERASURE_UNKNOWN', `there is no erasure ${erasureId}`);
    return record;
  }
  const erasing: Erasing = { context, eraser, intent, effect };
  const packs = record === null ? await erasePasses(erasing) : allPacks(await readPlans(backend, erasureId));
  await eraseCopies(erasing, packs);
  const kept = record ?? (await recordOf(erasing, packs));
  effect('record');
  await putObject(backend, erasureKeys(erasureId).record, kept);
  effect('intent');
  await eraser.removeFile(erasureKeys(erasureId).intent);
  return kept;
}

/** Rewrites packs and removes their rows until a pass finds nothing more. */
async function erasePasses(erasing: Erasing): Promise<PlannedPack[]> {
  const { backend } = erasing.context;
  const { erasure_id } = erasing.intent;
  const plans = await readPlans(backend, erasure_id);
  for (;;) {
    const erased = linesOf(allPacks(plans));
    const last = plans.at(-1);
    if (last !== undefined) for (const pack of last.packs) await erasePack(erasing, pack, erased);
    if (plans.length > 0 && (last?.packs.length === 0 || plans.length >= PASSES_MAX)) return allPacks(plans);
    plans.push(await nextPlan(erasing, plans));
  }
}

async function nextPlan(erasing: Erasing, plans: readonly ErasurePlan[]): Promise<ErasurePlan> {
  const { context, intent, effect } = erasing;
  const last = plans.at(-1);
  const plan = {
    from_ms: context.backend.clock.now(),
    packs: await rewritePacks(erasing, last === undefined ? 0 : Math.max(0, last.from_ms - LOOK_BACK_MS)),
  };
  effect('plan');
  await context.backend.files.put(
    erasureKeys(intent.erasure_id).plan(plans.length + 1),
    new TextEncoder().encode(planText(plan)),
  );
  return plan;
}

/** Makes a revision count, in one transaction with the rows of its erased receipts. */
async function erasePack(
  { context, eraser, effect }: Erasing,
  { pack_id, revision, lines }: PlannedPack,
  erased: ReadonlyMap<string, ReadonlySet<number>>,
): Promise<void> {
  if ((await eraser.revisionOf(pack_id)) >= revision) return;
  const before = await eraser.readRevision(pack_id, revision - 1);
  const now = await eraser.readRevision(pack_id, revision);
  if (before === null || now === null)
    throw new KitError('RAW_MISSING', `a revision of the pack ${pack_id} is missing`);
  const row = await context.backend.index.getPack(pack_id);
  if (row === null) throw new KitError('PENDING', `the pack ${pack_id} is not admitted yet`);
  const records = (await decodeBytes(pack_id, now)).map(parsedEnvelope);
  const receipts = receiptsOf(await decodeBytes(pack_id, before), lines);
  effect('rows');
  await eraser.erasePack(
    { pack_id, revision, sha256: sha256Of(now), bytes: now.length, receipts, sequences: sequenceRows(records, row) },
    { isErased: isIn(erased) },
  );
}

function isIn(erased: ReadonlyMap<string, ReadonlySet<number>>): ErasedSubjects['isErased'] {
  return ({ pack_id, line }) => erased.get(pack_id)?.has(line) ?? false;
}

function receiptsOf(envelopes: readonly StoredEnvelope[], lines: readonly number[]): ErasableReceipt[] {
  return lines.flatMap((line) => {
    const envelope = envelopes[line];
    if (envelope === undefined || envelope.erased !== undefined) return [];
    const { event, source, event_type, received_ms } = parsedEnvelope(envelope);
    const { event_id = null, event_time } = event ?? {};
    return [{ line, event_id, source, event_type, event_ms: event_time?.epoch_ms ?? null, received_ms }];
  });
}

/** Removes the erased lines from closed hours, former revisions, and rows that are not listed by pack. */
async function eraseCopies(erasing: Erasing, packs: readonly PlannedPack[]): Promise<void> {
  const { eraser, intent, effect } = erasing;
  const erased = linesOf(packs);
  const { hours, days } = hoursOf(packs.map(({ pack_id }) => packStoredMs(pack_id)));
  for (const hourMs of hours) await eraseHour(erasing, hourMs, erased);
  for (const dayMs of days) await eraseDay(erasing, dayMs);
  // Before the former revisions are removed: they name the entities of the erased receipts.
  const entity_ids = await entitiesOf(erasing, packs);
  for (const id of intent.entity_ids) entity_ids.add(id);
  effect('rest');
  await eraser.eraseRest({ entity_ids: [...entity_ids], isErased: isIn(erased) });
  for (const { pack_id, revision } of packs) {
    for (let former = revision - 1; former >= 0; former--) {
      effect('pack');
      await eraser.removeRevision(pack_id, former);
    }
  }
  effect('purge');
  await eraser.purge();
}

/** The entities of erased receipts, as far as their former revisions are there. */
async function entitiesOf({ eraser }: Erasing, packs: readonly PlannedPack[]): Promise<Set<string>> {
  const entities = new Set<string>();
  for (const { pack_id, revision, lines } of packs) {
    const bytes = await eraser.readRevision(pack_id, revision - 1);
    const envelopes = bytes === null ? [] : await decodeBytes(pack_id, bytes);
    for (const line of lines) {
      const envelope = envelopes[line];
      const entityId = envelope === undefined ? null : parsedEnvelope(envelope).entity_id;
      if (entityId !== null) entities.add(entityId);
    }
  }
  return entities;
}

async function recordOf({ context, intent }: Erasing, packs: readonly PlannedPack[]): Promise<ErasureRecord> {
  const counts: Record<string, number> = {};
  const erasedLines = linesOf(packs);
  let lines = 0;
  for (const [pack_id, erased] of erasedLines) {
    const outcomes = (await context.backend.index.getPack(pack_id))?.outcomes ?? '';
    lines += erased.size;
    for (const line of erased) count(counts, outcomes[line]);
  }
  const { erasure_id, reason, requested_by, requested_ms, subject_tag } = intent;
  return {
    format: 'pik-erasure/1',
    erasure_id,
    requested_by,
    reason,
    requested_ms,
    finished_ms: context.backend.clock.now(),
    subject_tag,
    packs: erasedLines.size,
    lines,
    counts,
    hours: hoursOf(packs.map(({ pack_id }) => packStoredMs(pack_id))).hours.length,
    versions: 0,
    residual: RESIDUAL,
  };
}

function allPacks(plans: readonly ErasurePlan[]): PlannedPack[] {
  return plans.flatMap(({ packs }) => packs);
}

function linesOf(packs: readonly PlannedPack[]): Map<string, Set<number>> {
  const erased = new Map<string, Set<number>>();
  for (const { pack_id, lines } of packs) {
    const known = erased.get(pack_id) ?? new Set();
    for (const line of lines) known.add(line);
    erased.set(pack_id, known);
  }
  return erased;
}
