import { readFileSync } from 'node:fs';
import { decodePack, encodePack, type ParsedRecord, parseRecord } from '@pik/engine/internals';
import { ENVELOPE_COLUMNS, packKey, packStoredMs } from '@pik/schema';
import { describe, expect, it } from 'vitest';
import { readQuestions } from '../src/athena.ts';
import { withGenerated } from '../src/generate.ts';
import { placeholder, TEMPLATE } from '../src/template.ts';
import { deploy } from './support/cloud.ts';

// The template's table of the raw log matches the packs that the code writes.

const resources = deploy();
const table = resources.Receipts?.Properties.TableInput;

/** A pack with a receipt of each kind: valid, rejected, not UTF-8, sent again, from a line of a file, and read by a mapping. */
function packText(): string {
  const text = '{"source":"s","event_type":"t","entity_id":"e","event_time":"2025-12-28T10:00:00Z","payload":{}}';
  const records = [{ text }, { text: '{}' }, { bytes: Uint8Array.of(0xff, 0xfe) }];
  const arrivals: ParsedRecord[] = records.map((record) =>
    parseRecord(record, { receivedMs: 0, imported: false, volatileOf: () => null }),
  );
  const again = parseRecord({ text }, { receivedMs: 0, imported: false, volatileOf: () => null });
  const volatile = { version: 1, paths: ['/a'] };
  arrivals.push({ ...again, volatile, reingest_of: { pack_id: '01942f4c-8c00-7000-8000-000000000000', line: 1 } });
  arrivals.push({ ...again, file_line: 7 });
  arrivals.push({ ...again, mapping: { name: 'cloudevents', version: 1, settings: '{}', around: '{}' } });
  const toBase64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  return encodePack([{ requestId: 'r', principal: null, records: arrivals }], { toBase64, sequence: 1 });
}

describe('generated parts of the template', () => {
  it('match schema and queries; `npm run generate -w deploy` updates them', () => {
    const text = readFileSync(TEMPLATE, 'utf8');
    expect(withGenerated(text)).toBe(text);
    expect(text.match(/# generated: /g)).toHaveLength(3);
  });

  it('the columns are the fields of an envelope, in its order and of its types', () => {
    const columns = table.StorageDescriptor.Columns as { Name: string; Type: string }[];
    const envelopes = decodePack(packText());
    for (const envelope of envelopes) {
      const fields = Object.keys(envelope);
      expect(columns.map(({ Name }) => Name).filter((name) => fields.includes(name))).toEqual(fields);
      for (const { Name, Type } of columns) {
        const value = envelope[Name as keyof typeof envelope] ?? null;
        const js = Type.startsWith('struct<')
          ? 'object'
          : { string: 'string', int: 'number', bigint: 'number', boolean: 'boolean' }[Type];
        if (value !== null) expect([Name, typeof value]).toEqual([Name, js]);
      }
    }
    const filled = new Set(
      envelopes.flatMap((envelope) =>
        Object.entries(envelope)
          .filter(([, value]) => value !== null)
          .map(([name]) => name),
      ),
    );
    filled.add('principal');
    expect([...filled].sort()).toEqual(Object.keys(ENVELOPE_COLUMNS).sort());
  });

  it('the projection finds the folder of every pack, whatever its hour', () => {
    const location = table.Parameters['storage.location.template'] as string;
    expect(table.PartitionKeys.map(({ Name }: { Name: string }) => Name)).toEqual(['stored_date', 'stored_hour']);
    for (const packId of [
      '01942f4c-8c00-7000-8000-000000000000',
      '019b76db-9260-7000-8000-00cc586f2b39',
      '019b7700-0000-7fff-bfff-ffffffffffff',
    ]) {
      const stored = new Date(packStoredMs(packId)).toISOString();
      const hour = Number(stored.slice(11, 13));
      const digits = Number(table.Parameters['projection.stored_hour.digits']);
      const [first, last] = table.Parameters['projection.stored_hour.range'].split(',').map(Number);
      expect(hour >= first && hour <= last).toBe(true);
      expect(stored.slice(0, 10) >= table.Parameters['projection.stored_date.range'].split(',')[0]).toBe(true);
      const folder = location
        .replace(placeholder('stored_date'), stored.slice(0, 10))
        .replace(placeholder('stored_hour'), String(hour).padStart(digits, '0'));
      expect(`s3://RawBucket/${packKey(packId)}`).toBe(`${folder}${packId}.ndjson.gz`);
      expect(folder.startsWith(table.StorageDescriptor.Location)).toBe(true);
    }
  });

  it('the queries are about lag, missing windows, duplicates and late events, and say what they answer', () => {
    const questions = readQuestions();
    expect(questions.map(({ name }) => name)).toEqual(['duplicates', 'lag', 'late-events', 'missing-windows']);
    for (const { description, sql } of questions) {
      expect(description).toContain('?');
      // A query without a bound on partitions would read the whole log.
      expect(sql).toContain('stored_date >=');
    }
  });
});
