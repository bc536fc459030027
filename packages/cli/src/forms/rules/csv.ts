/** A cell of CSV: quoted only where RFC 4180 asks for it, so that values stay as they are. Null and absent values are empty. */
function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One line of CSV with its line end. */
export function csvLine(cells: readonly unknown[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

/** The members of a row by the path to them, such as `figures.p50_ms`. A list is one member. */
export function flatRow(row: unknown): Map<string, unknown> {
  const flat = new Map<string, unknown>();
  const add = (path: string, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) flat.set(path, value);
    else for (const [name, inner] of Object.entries(value)) add(path === '' ? name : `${path}.${name}`, inner);
  };
  add('', row);
  // A row that is a plain value has no name.
  const plain = flat.get('');
  if (flat.delete('')) flat.set('value', plain);
  return flat;
}

/** Rows as CSV with a header: the columns of all rows, in the order in which they first appear. Empty without rows. */
export function csvText(rows: readonly unknown[]): string {
  if (rows.length === 0) return '';
  const flat = rows.map(flatRow);
  const columns = [...new Set(flat.flatMap((row) => [...row.keys()]))];
  return [columns, ...flat.map((row) => columns.map((column) => row.get(column)))].map(csvLine).join('');
}
