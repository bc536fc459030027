import { parseExact } from '../exact-json.ts';
import type { MapInput, MapOutput, RecordMap } from '../record-map.ts';

/** Values for records that do not name them. */
export interface DefaultMapOptions {
  /** Source of events, such as the name of the topic. */
  readonly source: string;
}

/**
 * The map of a tap that is given none. Events in the kit's own form and CloudEvents are read as such. Of any other record, `type`, `id` and
 * `time` in its JSON count, and for what it lacks its place: the source for its entity, `message` for its type, the time at which the
 * source stored it; the record is the payload.
 */
export function defaultMap({ source }: DefaultMapOptions): RecordMap {
  return {
    name: 'default',
    version: 1,
    map(record) {
      const value = objectIn(record.text);
      if (value === null) return placed(record, { source });
      if (isText(value.event_type) && Object.hasOwn(value, 'payload')) return ownForm(value);
      if (value.specversion === '1.0' && isText(value.id) && isText(value.type)) return cloudEvent(value, record);
      return { ...placed(record, { source }), ...named(value) };
    },
  };
}

type Value = Readonly<Record<string, unknown>>;

function objectIn(text: string): Value | null {
  if (!text.trimStart().startsWith('{')) return null;
  try {
    const value = parseExact(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Value {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function placed({ key, storedMs }: MapInput, { source }: DefaultMapOptions): MapOutput {
  return { source, event_type: 'message', entity_id: key ?? source, event_time: timeOf(storedMs) };
}

function timeOf(ms: number | null): string | undefined {
  return ms === null ? undefined : new Date(ms).toISOString();
}

/** The members of a JSON record that most systems call alike. Its id is not its key: many records may concern one thing. */
function named({ type, id, time }: Value): MapOutput {
  return {
    ...(isText(type) ? { event_type: type } : {}),
    ...(isText(id) || Number.isSafeInteger(id) ? { entity_id: String(id) } : {}),
    ...(isText(time) && !Number.isNaN(Date.parse(time)) && /(Z|[+-]\d\d:\d\d)$/i.test(time)
      ? { event_time: time }
      : {}),
  };
}

/** The fields are checked by the server, like those of any event. */
function ownForm({ payload, identity, producer, ...fields }: Value): MapOutput {
  const given: Record<string, unknown> = { idempotency_key: null, payload };
  const names = [
    'source',
    'event_type',
    'entity_id',
    'event_time',
    'idempotency_key',
    'sent_at',
    'traceparent',
    'schema_version',
  ];
  for (const name of names) if (fields[name] !== undefined) given[name] = fields[name];
  return { ...given, ...(identity === undefined ? {} : { identity: 'occurrence' }), ...producerOf(producer) };
}

function producerOf(producer: unknown): MapOutput {
  if (!isObject(producer)) return {};
  const { id, seq } = producer;
  return isText(id) && typeof seq === 'number' ? { producer: { id, seq } } : {};
}

function cloudEvent(event: Value, record: MapInput): MapOutput {
  const { id, type, source, subject, time, data, data_base64 } = event;
  const payload = data_base64 === undefined ? dataOf(data) : { data_base64 };
  return {
    ...{ source: String(source), event_type: String(type), entity_id: String(subject ?? source) },
    ...{ event_time: isText(time) ? time : timeOf(record.storedMs), idempotency_key: String(id), payload },
  };
}

function dataOf(data: unknown): unknown {
  if (data === undefined) return {};
  return typeof data === 'object' ? data : { data };
}
