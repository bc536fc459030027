import { type AuditRecord, LIMITS, ROUTES, type Route, type RouteName } from '@pik/schema';

/** The parts that all records of one request share. */
export type AuditedRequest = Pick<AuditRecord, 'request_id' | 'principal' | 'owner' | 'asked' | 'searched'> & {
  readonly route: RouteName;
};

/** How a request ended. */
export type AuditedEnd = Pick<AuditRecord, 'status' | 'code' | 'duration_ms'>;

/** True for a route whose requests are recorded. */
export function isAudited(route: RouteName): boolean {
  const { audit, scope }: Route = ROUTES[route];
  return audit !== 'none' && scope !== null;
}

/** True for a route that changes something: its record has to be durable before it begins. */
export function isAct(route: RouteName): boolean {
  return ROUTES[route].audit === 'act';
}

/**
 * The declared fields among the given values, as texts. A position of a page is left out, because it may contain ids that were not asked
 * for, and so is a record that a body carries.
 */
export function askedFields(
  route: RouteName,
  given: Readonly<Record<string, unknown>>,
): Pick<AuditRecord, 'asked' | 'searched'> {
  const { fields = {}, params = {}, bodyFields = {} }: Route = ROUTES[route];
  const [asked, searched]: Record<string, string>[] = [{}, {}];
  for (const [name, field] of Object.entries({ ...fields, ...params, ...bodyFields })) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (value === undefined || name === 'cursor') continue;
    const target = field.isExpression === true ? searched : asked;
    if (target !== undefined) target[name] = cutText(valueText(value));
  }
  return { asked: asked ?? {}, searched: searched ?? {} };
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueText).join(',');
  if (typeof value !== 'object' || value === null) return String(value);
  // Of a rejected receipt its address, without the record that replaces it.
  const { pack_id = '', line = '' } = value as Readonly<Record<string, unknown>>;
  return `${pack_id}/${line}`;
}

/** Cuts a long text, whole characters only. */
function cutText(text: string): string {
  const max = LIMITS.audit_value_chars_max;
  return text.length <= max ? text : `${text.slice(0, max - 1).toWellFormed()}…`;
}

/** The fields that a reader of the audit selects records by. */
export interface AuditFilter {
  readonly start_time: number;
  readonly end_time: number;
  readonly principal?: string | undefined;
  readonly owner?: string | undefined;
  readonly route?: string | undefined;
  readonly value?: string | undefined;
}

/** True if a record is one of those that were asked for. A LOST record belongs to nobody, so that every reader sees it. */
export function isSelected(record: AuditRecord, filter: AuditFilter): boolean {
  const ms = Date.parse(record.recorded_at);
  if (ms < filter.start_time || ms >= filter.end_time) return false;
  if (record.kind === 'LOST') return true;
  const { principal, owner, route, value } = filter;
  return (
    (principal === undefined || record.principal === principal) &&
    (owner === undefined || record.owner === owner) &&
    (route === undefined || record.route === route) &&
    (value === undefined || Object.values(record.asked).some((text) => text === value || hasItem(text, value)))
  );
}

const hasItem = (text: string, item: string) => text.split(',').includes(item);
