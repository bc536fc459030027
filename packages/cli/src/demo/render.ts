import cliProgress from 'cli-progress';
import Table from 'cli-table3';
import pc from 'picocolors';

/** A heading with the subject of the step. */
export function heading(text: string): void {
  console.log(`\n${pc.bold(pc.cyan(text))}`);
}

/** A plain table; columns of numbers, and the named columns of amounts, are right-aligned. */
export function printTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  { amounts = [] }: { amounts?: readonly string[] } = {},
): void {
  const isRight = (name: string, column: number) =>
    amounts.includes(name) || rows.every((row) => typeof row[column] === 'number');
  const table = new Table({
    head: head.map((name) => pc.bold(name)),
    colAligns: head.map((name, column) => (isRight(name, column) ? 'right' : 'left')),
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) table.push(row.map(cellText));
  console.log(table.toString());
}

/** The facts about one thing, line by line. */
export function printFacts(facts: readonly (readonly [name: string, fact: string | number])[]): void {
  const table = new Table({ style: { head: [], border: [], compact: true } });
  for (const [name, fact] of facts) table.push([name, cellText(fact)]);
  console.log(table.toString());
}

function cellText(cell: string | number): string {
  return typeof cell === 'number' ? grouped(cell) : cell;
}

/** 1707 as `1,707`. */
export function grouped(value: number): string {
  return value.toLocaleString('en-US');
}

/** A progress bar on a terminal, otherwise nothing. */
export function progressBar(label: string, total: number) {
  if (!process.stdout.isTTY) return { increment() {}, stop() {} };
  const bar = new cliProgress.SingleBar(
    { format: `  ${label} ${pc.cyan('{bar}')} {value} of {total}`, hideCursor: true },
    cliProgress.Presets.shades_classic,
  );
  bar.start(total, 0);
  return bar;
}

/** A duration as text. */
export function duration(ms: number): string {
  const hours = ms / 3_600_000;
  if (hours < 1) return `${(ms / 60_000).toFixed(1)} min`;
  return hours < 48 ? `${hours.toFixed(1)} h` : `${(hours / 24).toFixed(1)} d`;
}

/** A fixed-width time to the second. */
export function toSecond(time: string): string {
  return `${time.slice(0, 19)}Z`;
}
