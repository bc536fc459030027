import { type AppliedMapping, KitError } from '@pik/schema';

import type { Around, MappedEvent, MappedField } from './mappings/mapping.ts';
import { findMapping } from './mappings/registry.ts';
import { type ParseContext, type ParsedRecord, parseRecord, rejected } from './parse-record.ts';
import { Fault } from './record-fields.ts';
import type { RawRecord } from './record-split.ts';

/**
 * Reads a record of another wire by the mapping that its receipt names, and then like any record.
 *
 * @throws KitError `RAW_CORRUPT` if this release does not have the mapping.
 */
export function parseMapped(record: RawRecord, mapping: AppliedMapping, context: ParseContext): ParsedRecord {
  const mapped = mapRecord(record, mapping, context);
  if (mapped instanceof Fault) return { ...rejected(record, context, mapped), mapping };
  const parsed = parseRecord({ text: ownForm(mapped) }, context);
  if (mapped.refused !== undefined) return { ...parsed, record, mapping, event: null, fault: mapped.refused };
  return { ...parsed, record, mapping, fault: parsed.fault === null ? null : faultOnWire(parsed.fault, mapped) };
}

/**
 * The text of an accepted record in the kit's own form.
 *
 * @throws KitError `RAW_CORRUPT` if this release does not have the mapping, or if the record was not accepted.
 */
export function mappedText(record: RawRecord, mapping: AppliedMapping, received: Received): string {
  const mapped = mapRecord(record, mapping, received);
  if (mapped instanceof Fault) throw new KitError('RAW_CORRUPT', `a receipt cannot be read: ${mapped.detail}`);
  return ownForm(mapped);
}

/** When a record was received, and whether it claimed that time. */
type Received = Pick<ParseContext, 'receivedMs' | 'imported'>;

function mapRecord(record: RawRecord, applied: AppliedMapping, received: Received): MappedEvent | Fault {
  const { name, version, settings, around } = applied;
  const mapping = findMapping(name, version);
  if (mapping === null)
    throw new KitError('RAW_CORRUPT', `a receipt was read by the mapping ${name} ${version}, which this release lacks`);
  return mapping.map(record, {
    settings: settings === undefined ? mapping.defaults : JSON.parse(settings),
    around: around === undefined ? null : (JSON.parse(around) as Around),
    receivedMs: received.receivedMs,
    imported: received.imported,
  });
}

/** The payload is inserted as text, so that it keeps its digits. */
function ownForm({ fields, payload }: MappedEvent): string {
  const text = JSON.stringify(fields);
  if (payload === null) return text;
  return text === '{}' ? `{"payload":${payload}}` : `${text.slice(0, -1)},"payload":${payload}}`;
}

/** A fault under the names of the wire, so that it leads to the member that the sender wrote. */
function faultOnWire({ code, path, detail }: Fault, { names }: MappedEvent): Fault {
  const [, field = '', rest = ''] = /^\/(\w+)(.*)$/s.exec(path ?? '') ?? [];
  const name = Object.hasOwn(names, field) ? names[field as MappedField | 'payload'] : undefined;
  if (name === undefined) return new Fault(code, path, detail);
  if (name === '') return new Fault(code, rest === '' ? null : rest, detail);
  const own = detail.startsWith(field) ? name + detail.slice(field.length) : detail;
  return new Fault(code, `/${name}${rest}`, own);
}
