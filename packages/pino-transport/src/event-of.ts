/** How a line is read. */
export interface LineOptions {
  /** Source of the events, such as the name of the service. */
  readonly source: string;
  /** The member that names the type. Default: `event`. */
  readonly event_member?: string | undefined;
  /** Members that name the entity, such as `user_id` or `req.id`; the first one present counts. Default: `entity_id`, `user_id`, `userId`. */
  readonly entity_members?: readonly string[] | undefined;
}

/** The event in a line. */
export interface LineEvent {
  readonly event_type: string;
  readonly entity_id: string;
  readonly event_time: Date;
  readonly payload: object;
}

/** Reads a line of pino as an event. */
export function eventOf(line: unknown, options: LineOptions): LineEvent {
  const { source, event_member = 'event', entity_members = ['entity_id', 'user_id', 'userId'] } = options;
  const members = typeof line === 'object' && line !== null && !Array.isArray(line) ? line : { msg: line };
  const { time, ...payload }: { time?: unknown } = members;
  const owner = entity_members.map((path) => textAt(payload, path)).find((text) => text !== null);
  return {
    event_type: textAt(payload, event_member) ?? 'log',
    entity_id: owner ?? source,
    event_time: timeOf(time),
    payload,
  };
}

function textAt(value: object, path: string): string | null {
  let found: unknown = value;
  for (const name of path.split('.'))
    found =
      typeof found === 'object' && found !== null ? Object.entries(found).find(([own]) => own === name)?.[1] : null;
  if (typeof found === 'string' && found !== '') return found;
  return Number.isSafeInteger(found) ? String(found) : null;
}

/** Milliseconds since 1970 or a text, as pino writes it; else now. */
function timeOf(time: unknown): Date {
  const date = typeof time === 'number' || typeof time === 'string' ? new Date(time) : new Date(Number.NaN);
  return Number.isNaN(date.getTime()) ? new Date() : date;
}
