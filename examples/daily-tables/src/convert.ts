/** How to turn the rows of a table into events. */
export interface TableOptions {
  readonly source: string;
  readonly eventType: string;
  /** The column of the entity; without it, all rows belong to the table. */
  readonly entity: { readonly column: string } | { readonly id: string };
  /** The time column, in the American order: month, day, year, and optionally hour and minute. */
  readonly timeColumn: string;
  /** The zone of its times. Without it they have no offset. */
  readonly timeZone?: string;
  /** The column whose text is the key of a row; without it rows are distinguished by content. */
  readonly keyColumn?: string;
}

/**
 * One record per line, as NDJSON texts. The first line that names the time column is the header; every other line is a
 * record, whatever it contains. Fields of these tables are not quoted.
 */
export function tableRecords(text: string, options: TableOptions): string[] {
  const lines = text.split(/\r?\n/).filter((line) => line !== '');
  const head = lines.findIndex((line) => line.split(',').includes(options.timeColumn));
  if (head === -1) throw new Error(`no line names the column ${options.timeColumn}`);
  const columns = (lines[head] as string).split(',');
  return lines.filter((_, i) => i !== head).map((line) => JSON.stringify(recordOf(line, columns, options)));
}

function recordOf(line: string, columns: readonly string[], options: TableOptions) {
  const fields = line.split(',');
  // A line with another number of fields is not a row: it is sent unchanged, so that it can be found again.
  const payload = fields.length === columns.length ? pair(columns, fields) : { line };
  const at = (column: string) => fields[columns.indexOf(column)] ?? line;
  return {
    source: options.source,
    event_type: options.eventType,
    entity_id: 'id' in options.entity ? options.entity.id : at(options.entity.column),
    event_time: timeText(at(options.timeColumn), options.timeZone),
    ...(options.keyColumn === undefined ? {} : { idempotency_key: at(options.keyColumn) }),
    payload,
  };
}

function pair(columns: readonly string[], fields: readonly string[]): Record<string, string> {
  return Object.fromEntries(columns.map((column, i) => [column, fields[i] as string]));
}

const AMERICAN = /^(\d{1,2})\/(\d{1,2})\/(\d{4})(?: (\d{1,2}):(\d{2}))?$/;

/** A time of the table as RFC 3339; other texts stay unchanged. */
function timeText(text: string, timeZone: string | undefined): string {
  const match = AMERICAN.exec(text);
  if (match === null) return text;
  const [, month, day, year, hour = '0', minute = '00'] = match as unknown as [
    string,
    string,
    string,
    string,
    string?,
    string?,
  ];
  const two = (field: string) => field.padStart(2, '0');
  const local = `${year}-${two(month)}-${two(day)}T${two(hour)}:${minute}:00`;
  return timeZone === undefined ? local : `${local}${offsetOf(local, timeZone)}`;
}

/**
 * The offset of a zone at a local time: looked up twice, since the first guess may be on the other side of a clock
 * change.
 */
function offsetOf(local: string, timeZone: string): string {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  const at = (time: string) => /GMT([+-]\d{2}:\d{2})/.exec(format.format(new Date(time)))?.[1] ?? '+00:00';
  return at(`${local}${at(`${local}Z`)}`);
}
