/** How the rows of a table become events. */
export interface TableOptions {
  readonly source: string;
  readonly eventType: string;
  /** Whose row it is; the whole table's where it names no column. */
  readonly entity: { readonly column: string } | { readonly id: string };
  /** The column of the time, in the American order: month, day, year, and perhaps an hour and a minute. */
  readonly timeColumn: string;
  /** The zone of its times. Without it they stay without offset. */
  readonly timeZone?: string;
  /** The column whose text is the key of a row; without it rows are told apart by their content. */
  readonly keyColumn?: string;
}

/**
 * One record per line, as NDJSON texts. The first line that names the time column is the head; every other line is a record,
 * whatever it says. Fields have no quotes in these tables.
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
  // What has other fields than the head is no row: it goes as it is, so that it can be found again.
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

/** A time of the table as RFC 3339; what is no time stays as it is. */
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

/** The offset of a zone at a local time: looked up twice, since the first guess may lie on the other side of a change. */
function offsetOf(local: string, timeZone: string): string {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  const at = (time: string) => /GMT([+-]\d{2}:\d{2})/.exec(format.format(new Date(time)))?.[1] ?? '+00:00';
  return at(`${local}${at(`${local}Z`)}`);
}
