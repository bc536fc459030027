import { type AppliedMapping, type Doors, hookRules, KitError, LIMITS } from '@pik/schema';

import type { IngestRequest, Wire } from '../../api/pipeline.ts';
import { parseMapped } from './map-record.ts';
import { isCloudEvent } from './mappings/cloudevents.ts';
import { findMapping } from './mappings/registry.ts';
import { type ParseContext, type ParsedRecord, parseRecord } from './parse-record.ts';
import { checkRecords, fitsUtf8, type RawRecord, rawRecord, splitBody } from './record-split.ts';

/** One record as it arrives, with the wire that brought it; null for the kit's own. */
export interface Arrival {
  readonly record: RawRecord;
  readonly wire: Wire | null;
}

/** The records of a request. */
export interface Arrivals {
  readonly arrivals: readonly Arrival[];
  /** True if the body was one value, not a list, and gets a single answer. */
  readonly single: boolean;
  /** True if the body could not be split; its only record is the whole body. */
  readonly unreadable: boolean;
}

/**
 * Splits a request into records.
 *
 * @throws KitError `TOO_MANY_EVENTS`, `EVENT_TOO_LARGE`; both are checked here, before any durable effect.
 */
export function arrivalsOf({ body, format, wire: given }: Pick<IngestRequest, 'body' | 'format' | 'wire'>): Arrivals {
  const wire = given ?? null;
  checkAround(wire);
  if (format === 'whole') return wholeBody(body, wire);
  const { records, single, unreadable } = splitBody(body, format);
  return { arrivals: records.map((record) => ({ record, wire })), single, unreadable };
}

/** The records that the mapping of the wire finds in a body; without a rule of its own, the body is one record. */
function wholeBody(body: Uint8Array, wire: Wire | null): Arrivals {
  const mapping = wire === null ? null : findMapping(wire.name);
  const parts = mapping?.split?.(body, wire?.around ?? null);
  if (parts === undefined || parts === null) {
    const record = rawRecord(body);
    checkRecords([record]);
    return { arrivals: [{ record, wire }], single: true, unreadable: parts === null };
  }
  checkRecords(parts.map(({ record }) => record));
  const name = wire?.name ?? '';
  const arrivals = parts.map(({ record, around }) => ({ record, wire: { name, around } }));
  for (const { wire: own } of arrivals) checkAround(own);
  return { arrivals, single: false, unreadable: false };
}

function checkAround(wire: Wire | null): void {
  if (wire === null || wire.around === null) return;
  // A map may have read the whole payload.
  const max = wire.name === 'mapped' ? LIMITS.event_bytes_max : LIMITS.around_bytes_max;
  if (fitsUtf8(JSON.stringify(wire.around), max)) return;
  throw new KitError(
    'EVENT_TOO_LARGE',
    `the headers of the record (or what its map has read) have more than ${max} bytes`,
  );
}

/** The settings of mappings by name, as receipts store them; a mapping without an entry reads by its defaults. */
export type MappingSettings = ReadonlyMap<string, string>;

/** The settings that differ from the defaults of the latest mappings. */
export function mappingSettings({ cloudEvents, segment, otlp, hooks = {} }: Doors): MappingSettings {
  const given = { cloudevents: cloudEvents, segment, 'otlp-logs': otlp };
  const settings = new Map<string, string>();
  for (const [name, own] of Object.entries(given)) {
    const defaults = JSON.stringify(findMapping(name)?.defaults);
    const text = JSON.stringify({ ...JSON.parse(defaults), ...JSON.parse(JSON.stringify(own ?? {})) });
    if (text !== defaults) settings.set(name, text);
  }
  for (const [name, declaration] of Object.entries(hooks))
    settings.set(`hook:${name}`, JSON.stringify(hookRules(name, declaration)));
  return settings;
}

/** Reads a record that arrives now: by the latest mapping of its wire, with the settings of now. */
export function readArrival({ record, wire }: Arrival, settings: MappingSettings, context: ParseContext): ParsedRecord {
  if (wire !== null) return parseMapped(record, appliedNow(wire, settings), context);
  if (isCloudEvent(record)) return parseMapped(record, appliedNow(CLOUD_EVENTS, settings), context);
  return parseRecord(record, context);
}

const CLOUD_EVENTS: Wire = { name: 'cloudevents', around: null };

function appliedNow({ name, around }: Wire, settings: MappingSettings): AppliedMapping {
  const mapping = findMapping(name);
  if (mapping === null) throw new KitError('REQUEST_INVALID', `there is no mapping ${name}`);
  const hook = around?.[':hook'];
  const own = settings.get(hook === undefined ? name : `${name}:${hook}`);
  return {
    name,
    version: mapping.version,
    ...(own === undefined ? {} : { settings: own }),
    ...(around === null ? {} : { around: JSON.stringify(around) }),
  };
}
