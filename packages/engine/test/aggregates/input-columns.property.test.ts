import { createHash } from 'node:crypto';
import { decodeBase32Hex, encodeBase32Hex } from '@pik/schema';
import { makeVersionRow } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  comparePlaces,
  compareScanned,
  InputColumns,
  type InputPlace,
  PlaceSample,
  type SliceHead,
} from '../../src/aggregates/rules/input-columns.ts';
import { endsChunk } from '../../src/aggregates/rules/manifest.ts';
import { parseVersionText, versionFileKey, versionText, versionView } from '../../src/aggregates/rules/version-view.ts';
import { compareInputs, listedInput, type WindowInput } from '../../src/aggregates/rules/window-input.ts';
import { encodeEntries, ID_BYTES, type SliceEntry, scanEntries } from '../../src/storage/rules/slice-codec.ts';

// Packed inputs of a window, compared with a sorted list of objects.

const START = Date.UTC(2026, 0, 1);

/** An entry that follows from its number; times are often equal, and ids share their first bytes as those of an entity do. */
function entryOf(n: number, times = 7): SliceEntry {
  const hash = createHash('sha256').update(String(n)).digest();
  const id = Buffer.concat([Buffer.alloc(ID_BYTES - 20, 1), hash.subarray(0, 20)]);
  return {
    event_id: encodeBase32Hex(id),
    outcome: 'ACCEPTED',
    event_ms: START + (n % times),
    event_sub_ns: (n * 5) % 3,
    received_ms: START + n * 10,
    payload_hash: hash.toString('hex'),
    line: n % 500,
    sent_ms: null,
    first_received_ms: null,
  };
}

const headOf = (n: number): SliceHead => ({ source: `s${n % 3}`, event_type: `t${n % 2}`, pack_id: `p${n}` });

const inputOf = (entry: SliceEntry, head: SliceHead): WindowInput => ({
  ...head,
  event_id: entry.event_id,
  entity_id: null,
  event_ms: entry.event_ms,
  event_sub_ns: entry.event_sub_ns,
  received_ms: entry.received_ms,
  payload_hash: entry.payload_hash,
  line: entry.line,
});

const placeOf = ({ event_ms, event_sub_ns, event_id }: SliceEntry): InputPlace => ({
  event_ms,
  event_sub_ns,
  id: decodeBase32Hex(event_id) ?? new Uint8Array(),
});

describe('packed inputs', () => {
  it('come back in the order of the list, with all of their fields', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(4_000), { maxLength: 3_000, minLength: 1 }),
        fc.integer({ min: 1, max: 900 }),
        (all, size) => {
          const columns = new InputColumns();
          const expected: WindowInput[] = [];
          for (let start = 0; start < all.length; start += size) {
            const entries = [...new Set(all.slice(start, start + size))].map((n) => entryOf(n));
            const head = headOf(start);
            const bytes = encodeEntries(entries.toSorted((a, b) => a.line - b.line));
            scanEntries(bytes, (entry) => columns.add(entry, bytes, head));
            expected.push(...entries.map((entry) => inputOf(entry, head)));
          }
          expect(columns.length).toBe(expected.length);
          const found = Array.from(columns.order(), (no) => columns.input(no));
          const keyOf = ({ event_id, pack_id }: WindowInput) => `${event_id} ${pack_id}`;
          const sorted = (inputs: WindowInput[]) =>
            inputs.toSorted((a, b) => compareInputs(a, b) || (keyOf(a) < keyOf(b) ? -1 : 1));
          expect(found.map(({ event_id }) => event_id)).toEqual(sorted(expected).map(({ event_id }) => event_id));
          expect(sorted(found)).toEqual(sorted(expected));
        },
      ),
      runs(40),
    );
  });

  it('are compared with places by time, then by each byte of the id', () => {
    const sign = (n: number) => Math.sign(n);
    const entries = Array.from({ length: 60 }, (_, n) => ({ ...entryOf(n, 3), line: n }));
    // Ids that differ in their first byte alone, and in their last.
    for (const at of [0, ID_BYTES - 1]) {
      const id = Buffer.alloc(ID_BYTES, 1);
      id[at] = 2;
      entries.push({ ...entryOf(0, 3), line: 60, event_id: encodeBase32Hex(id) });
    }
    const bytes = encodeEntries(entries);
    const [places, heads] = [entries.map(placeOf), headOf(0)];
    const inputs = entries.map((entry) => inputOf(entry, heads));
    let at = 0;
    scanEntries(bytes, (entry) => {
      for (const [i, place] of places.entries()) {
        const expected = sign(compareInputs(inputs[at] as WindowInput, inputs[i] as WindowInput));
        expect(sign(compareScanned(entry, bytes, place))).toBe(expected);
        expect(sign(comparePlaces(places[at] as InputPlace, place))).toBe(expected);
      }
      at += 1;
    });
  });
});

describe('a sample of places', () => {
  const sampleOf = (entries: readonly SliceEntry[]) => {
    const sample = new PlaceSample();
    const bytes = encodeEntries(entries);
    scanEntries(bytes, (entry) => sample.add(entry, bytes));
    return sample;
  };

  it('of a small window cuts it into parts of equal size', () => {
    const entries = Array.from({ length: 1_000 }, (_, n) => ({ ...entryOf(n), line: n }));
    const sorted = entries.map((entry) => inputOf(entry, headOf(0))).sort(compareInputs);
    const sample = sampleOf(entries);
    expect(sample.count).toBe(1_000);
    for (const size of [1, 100, 333, 999, 1_000, 5_000]) {
      const parts = Math.ceil(1_000 / size);
      const cuts = sample.cuts(size).map(({ id }) => encodeBase32Hex(id));
      const expected = Array.from(
        { length: parts - 1 },
        (_, i) => sorted[Math.floor(((i + 1) * 1_000) / parts)]?.event_id,
      );
      expect(cuts).toEqual(expected);
    }
    // Fewer places than parts.
    expect(sampleOf(entries.slice(0, 1)).cuts(0.1)).toHaveLength(1);
  });

  it('of a large one is uniform and bounded', () => {
    const count = 18_000;
    const entries = Array.from({ length: count }, (_, n) => ({ ...entryOf(n, 1_000_000), line: n }));
    const sample = sampleOf(entries);
    expect(sample.count).toBe(count);
    const cuts = sample.cuts(count / 8);
    expect(cuts).toHaveLength(7);
    for (const [i, { event_ms }] of cuts.entries())
      expect(Math.abs(event_ms - START - ((i + 1) * count) / 8)).toBeLessThan(count / 40);
    // As many parts as inputs: each cut is one of the places that were kept.
    const kept = sample.cuts(1).length;
    expect(kept).toBeGreaterThan(8_000);
    expect(kept).toBeLessThan(10_000);
  });
});

it.each([
  [5_999, 'x000', false],
  [6_000, 'x000', true],
  [6_000, 'x001', false],
  [19_999, 'x', false],
  [20_000, 'x', true],
])('a chunk of %i inputs whose last id is %s ends: %s', (size, id, ends) => {
  expect(endsChunk(size, id)).toBe(ends);
});

it('inputs are in order of time, nanoseconds and id, and listed with fixed-width times', () => {
  const one = inputOf({ ...entryOf(1), event_ms: START, event_sub_ns: 1, received_ms: START + 5 }, headOf(0));
  for (const [change, order] of [
    [{ event_ms: START - 1, event_sub_ns: 9, event_id: 'z' }, 1],
    [{ event_ms: START + 1, event_sub_ns: 0, event_id: '0' }, -1],
    [{ event_sub_ns: 0, event_id: 'z' }, 1],
    [{ event_sub_ns: 2, event_id: '0' }, -1],
    [{ event_id: '0' }, 1],
    [{ event_id: 'z' }, -1],
    [{}, 0],
  ] as const)
    expect(Math.sign(compareInputs(one, { ...one, ...change }))).toBe(order);
  expect(listedInput(one)).toEqual({
    event_id: one.event_id,
    payload_hash: one.payload_hash,
    event_time: '2026-01-01T00:00:00.000000001Z',
    received_at: '2026-01-01T00:00:00.005000000Z',
  });
});

describe('a version', () => {
  const row = makeVersionRow({ version: 3 });

  it('comes back from its file, and is null if a field is missing or the text is cut', () => {
    const text = versionText(row);
    expect(parseVersionText(text)).toEqual(row);
    expect(text.endsWith('}\n')).toBe(true);
    for (const name of Object.keys(row)) {
      const { [name]: _, ...rest } = JSON.parse(text) as Record<string, unknown>;
      expect([name, parseVersionText(JSON.stringify(rest))]).toEqual([name, null]);
    }
    expect(parseVersionText(text.slice(0, -3))).toBeNull();
    // The order of the fields of a row has no effect.
    expect(versionText(Object.fromEntries(Object.entries(row).reverse()) as never)).toBe(text);
  });

  it('has a file by metric, hash of the key, window and number', () => {
    const key = versionFileKey({ metric: 'm', key: 'ä/..', window_start_ms: 5, version: 2 });
    const whose = createHash('sha256').update('ä/..').digest('hex').slice(0, 32);
    expect(key).toBe(`manifests/v1/versions/m/${whose.slice(0, 2)}/${whose}.5.2.json`);
  });

  it('is shown with times as text, its value parsed, and the version before it', () => {
    const view = versionView({
      ...row,
      window_start_ms: START,
      window_end_ms: START + 1,
      as_of_ms: START + 2,
      computed_ms: START + 3,
      value_json: '{"a":[1]}',
    });
    const { metric, key, time_zone, time_zone_data, input_count, inputs_hash, definition_version, definition_hash } =
      row;
    expect(view).toEqual({
      ...{ metric, key, time_zone, time_zone_data, input_count, inputs_hash, definition_version, definition_hash },
      window_start: '2026-01-01T00:00:00.000000000Z',
      window_end: '2026-01-01T00:00:00.001000000Z',
      as_of: '2026-01-01T00:00:00.002000000Z',
      computed_at: '2026-01-01T00:00:00.003000000Z',
      version: 3,
      previous_version: 2,
      value: { a: [1] },
      manifest_key: row.manifest_key,
      unsettled: row.unsettled,
      trigger: { kind: 'replay', replay_id: row.replay_id },
    });
    expect(versionView({ ...row, version: 1 }).previous_version).toBeNull();
  });
});
