import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';

import {
  type Aggregate,
  countsEvent,
  type KeyFields,
  KitError,
  LIMITS,
  MS_PER_DAY,
  parseAggregateKey,
  sha256Hex,
  timelineBound,
  type Window,
} from '@pik/schema';

import { decodeEntries } from '../domain/slice-codec.ts';
import { compareInputs, hashedElement, listedInput, type WindowInput } from '../domain/window-input.ts';
import type { Page } from '../ports/queries.ts';
import type { EventRow, SliceRow } from '../ports/rows.ts';
import type { Context } from './context.ts';
import { readPages } from './pages.ts';
import { WindowError } from './window-error.ts';

/** Rows between two turns of the event loop: a few milliseconds of work. */
const ROWS_PER_TURN = 5_000;

/** A window of one key of an aggregate, as of a receive time. */
export interface WindowQuestion {
  readonly aggregate: Aggregate;
  readonly key: string;
  readonly window: Window;
  readonly asOfMs: number;
}

/**
 * All accepted events of a window that had been received by then, in order of event time and id. Reads the index alone.
 *
 * @throws KitError `WINDOW_TOO_LARGE`, `REQUEST_INVALID` for a key that this grouping does not have.
 */
export async function windowInputs(context: Context, question: WindowQuestion): Promise<WindowInput[]> {
  const { aggregate, key } = question;
  const fields = parseAggregateKey(aggregate.group_by, key);
  if (fields === null)
    throw new KitError('REQUEST_INVALID', `${aggregate.metric} has no key such as this`, { path: '/key' });
  const inputs: WindowInput[] = [];
  const add = (input: WindowInput) => {
    if (!countsEvent(aggregate, input)) return;
    inputs.push(input);
    if (inputs.length > LIMITS.window_inputs_max) throw tooLarge(question);
  };
  if (fields.entity_id !== undefined) await fromTimeline(context, { ...question, entityId: fields.entity_id }, add);
  else await fromSlices(context, { ...question, fields }, add);
  return isSorted(inputs) ? inputs : inputs.sort(compareInputs);
}

function isSorted(inputs: readonly WindowInput[]): boolean {
  for (let i = 1; i < inputs.length; i++)
    if (compareInputs(inputs[i - 1] as WindowInput, inputs[i] as WindowInput) > 0) return false;
  return true;
}

function tooLarge(question: WindowQuestion): WindowError {
  const reason = `it has more than ${LIMITS.window_inputs_max} inputs`;
  return new WindowError(question, { code: 'WINDOW_TOO_LARGE', reason });
}

type Add = (input: WindowInput) => void;

async function fromTimeline(
  context: Context,
  { entityId, window, asOfMs }: WindowQuestion & { entityId: string },
  add: Add,
): Promise<void> {
  const bound = (epoch_ms: number) => timelineBound(entityId, { epoch_ms, sub_ms_ns: 0 });
  const range = { from: bound(window.start_ms), to: bound(window.end_ms), asOfMs, limit: LIMITS.page_items_max };
  let cursor: string | null = null;
  for (;;) {
    const { items, next }: Page<EventRow> = await context.backend.index.listTimeline({ ...range, cursor });
    // Entities may share a hash prefix.
    for (const row of items) if (row.entity_id === entityId) add(row);
    if (next === null) return;
    cursor = next;
    await setImmediate();
  }
}

async function fromSlices(
  context: Context,
  { aggregate, fields, window, asOfMs }: WindowQuestion & { fields: Partial<KeyFields> },
  add: Add,
): Promise<void> {
  const { clock } = context.backend;
  let rows = 0;
  for await (const slice of windowSlices(context, { aggregate, fields, window })) {
    if (!countsEvent(aggregate, slice)) continue;
    if (slice.accepted === 0 || slice.received_min_ms > asOfMs || slice.expires_ms <= clock.now()) continue;
    addEntries(slice, { window, asOfMs }, add);
    rows += slice.accepted;
    if (rows < ROWS_PER_TURN) continue;
    rows = 0;
    await setImmediate();
  }
}

/** A metric of more sources than that reads the slices of all, and leaves out those of others. */
const SOURCES_APART_MAX = 20;

/** The slices with receipts of a window's days, of the sources and types that count as far as the index can tell them apart. */
async function* windowSlices(
  { backend: { index } }: Context,
  { aggregate, fields, window }: Pick<WindowQuestion, 'aggregate' | 'window'> & { fields: Partial<KeyFields> },
): AsyncGenerator<SliceRow> {
  const [onlyType, ...otherTypes] = aggregate.event_types ?? [];
  const event_type = fields.event_type ?? (otherTypes.length === 0 ? onlyType : undefined);
  const declared = aggregate.sources ?? [];
  const apart = declared.length > 0 && declared.length <= SOURCES_APART_MAX;
  const sources = fields.source !== undefined ? [fields.source] : apart ? declared : [undefined];
  for (const source of sources) {
    if (source !== undefined && aggregate.sources !== null && !aggregate.sources.includes(source)) continue;
    const query = {
      fromDay: Math.floor(window.start_ms / MS_PER_DAY),
      toDay: Math.floor((window.end_ms - 1) / MS_PER_DAY) + 1,
      source,
      event_type,
      withEntries: true,
    };
    yield* readPages((cursor) => index.listSlices({ ...query, cursor }));
  }
}

function addEntries(slice: SliceRow, { window, asOfMs }: { window: Window; asOfMs: number }, add: Add): void {
  const { source, event_type, pack_id } = slice;
  for (const entry of decodeEntries(slice.entries)) {
    const { outcome, event_ms, received_ms } = entry;
    if (outcome !== 'ACCEPTED' || received_ms > asOfMs) continue;
    if (event_ms < window.start_ms || event_ms >= window.end_ms) continue;
    const { event_id, event_sub_ns, payload_hash, line } = entry;
    add({
      event_id,
      source,
      event_type,
      entity_id: null,
      event_ms,
      event_sub_ns,
      received_ms,
      payload_hash,
      pack_id,
      line,
    });
  }
}

/** SHA-256 of the RFC 8785 form of the list of `[event_id, payload_hash, event_time, received_at]`, in order. */
export async function inputsHash(inputs: readonly WindowInput[]): Promise<string> {
  if (inputs.length <= ROWS_PER_TURN) return sha256Hex(`[${hashedList(inputs)}]`);
  const hash = createHash('sha256').update('[');
  for (let start = 0; start < inputs.length; start += ROWS_PER_TURN) {
    hash.update((start === 0 ? '' : ',') + hashedList(inputs.slice(start, start + ROWS_PER_TURN)));
    await setImmediate();
  }
  return hash.update(']').digest('hex');
}

function hashedList(inputs: readonly WindowInput[]): string {
  return inputs.map((input) => hashedElement(listedInput(input))).join(',');
}
