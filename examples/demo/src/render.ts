import cliProgress from 'cli-progress';
import Table from 'cli-table3';
import pc from 'picocolors';

/** A heading with what is being shown. */
export function heading(text: string): void {
  console.log(`\n${pc.bold(pc.cyan(text))}`);
}

/** A plain table; the first column to the left, the others to the right. */
export function printTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  const table = new Table({
    head: head.map((name) => pc.bold(name)),
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows)
    table.push(row.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en-US') : cell)));
  console.log(table.toString());
}

/** A bar while a person is looking, nothing otherwise. */
export function progressBar(label: string, total: number) {
  if (!process.stdout.isTTY) return { increment() {}, stop() {} };
  const bar = new cliProgress.SingleBar(
    { format: `  ${label} ${pc.cyan('{bar}')} {value} of {total}`, hideCursor: true },
    cliProgress.Presets.shades_classic,
  );
  bar.start(total, 0);
  return bar;
}

/** Milliseconds as a person says them. */
export function duration(ms: number): string {
  const hours = ms / 3_600_000;
  if (hours < 1) return `${(ms / 60_000).toFixed(1)} min`;
  return hours < 48 ? `${hours.toFixed(1)} h` : `${(hours / 24).toFixed(1)} d`;
}
