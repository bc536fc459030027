import { KitError } from './errors.ts';
import { checkHooks, type HookDeclaration } from './hooks.ts';

/** Rules for an event of CloudEvents 1.0 that lacks an attribute which the specification leaves optional. */
export interface CloudEventsRules {
  /** The entity of an event without `subject`: its source (default), or its id, or it is rejected. */
  readonly without_subject: 'source' | 'id' | 'reject';
  /** The time of an event without `time`: when it was received (default), or it is rejected. */
  readonly without_time: 'received' | 'reject';
  /** The payload of an event without data: `{}` (default), or null, which is a deletion, or it is rejected. */
  readonly without_data: 'empty' | 'deletion' | 'reject';
}

/** How events of Segment and RudderStack are read. */
export interface SegmentRules {
  /** Source of the events. Default null: the name of the API key, or `segment` on a server without keys. */
  readonly source: string | null;
}

/** How log records of OpenTelemetry are read. */
export interface OtlpRules {
  /**
   * Attributes of a record, or of its resource, that name the entity; the first one present counts, else the service. Default:
   * `enduser.id`, `user.id`, `session.id`, `service.instance.id`.
   */
  readonly entity_attributes: readonly string[];
  /** Attribute with a key of the record. Default null: the content identifies a record. */
  readonly key_attribute: string | null;
}

/** The settings of doors: how events are read that come in the forms of other products. */
export interface Doors {
  readonly cloudEvents?: Partial<CloudEventsRules> | undefined;
  readonly segment?: Partial<SegmentRules> | undefined;
  readonly otlp?: Partial<OtlpRules> | undefined;
  /** Webhooks by the name in the path `/hooks/:name`. */
  readonly hooks?: Readonly<Record<string, HookDeclaration>> | undefined;
}

const CLOUD_EVENTS: { readonly [K in keyof CloudEventsRules]: readonly CloudEventsRules[K][] } = {
  without_subject: ['source', 'id', 'reject'],
  without_time: ['received', 'reject'],
  without_data: ['empty', 'deletion', 'reject'],
};

/** Returns the settings if they can be used. Throws `CONFIG_INVALID` naming the field. */
export function checkDoors(doors: Doors): Doors {
  checkFields(doors, ['cloudEvents', 'segment', 'otlp', 'hooks'], '/doors');
  if (doors.cloudEvents !== undefined) checkChoices(doors.cloudEvents, CLOUD_EVENTS, '/doors/cloudEvents');
  if (doors.segment !== undefined) checkSegment(doors.segment);
  if (doors.otlp !== undefined) checkOtlp(doors.otlp);
  if (doors.hooks !== undefined) checkHooks(doors.hooks);
  return doors;
}

function checkSegment(given: Partial<SegmentRules>): void {
  checkFields(given, ['source'], '/doors/segment');
  const { source = null } = given;
  if (source !== null && (typeof source !== 'string' || source === ''))
    throw fault('/doors/segment/source', 'must be the source of the events');
}

function checkOtlp(given: Partial<OtlpRules>): void {
  checkFields(given, ['entity_attributes', 'key_attribute'], '/doors/otlp');
  const { entity_attributes = [], key_attribute = null } = given;
  const isList = Array.isArray(entity_attributes) && entity_attributes.every((name) => typeof name === 'string');
  if (!isList) throw fault('/doors/otlp/entity_attributes', 'must be a list of the names of attributes');
  if (key_attribute !== null && typeof key_attribute !== 'string')
    throw fault('/doors/otlp/key_attribute', 'must be the name of an attribute');
}

function checkChoices(given: object, choices: Readonly<Record<string, readonly string[]>>, path: string): void {
  checkFields(given, Object.keys(choices), path);
  for (const [name, value] of Object.entries(given)) {
    const allowed = choices[name] ?? [];
    if (value !== undefined && !allowed.includes(value))
      throw fault(`${path}/${name}`, `must be one of ${allowed.join(', ')}`);
  }
}

function checkFields(given: unknown, names: readonly string[], path: string): asserts given is object {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw fault(path, 'must be an object');
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) throw fault(path, `has the unknown field ${unknown}`);
}

function fault(path: string, rule: string): KitError {
  return new KitError('CONFIG_INVALID', `${path.slice(1).replaceAll('/', '.')} ${rule}`, { path });
}
