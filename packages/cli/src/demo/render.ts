import { type Cell, tableText } from '@pik/render';
import pc from 'picocolors';

import { writeOut } from '../output.ts';

/** Prints a line. */
export function say(line: string): void {
  writeOut(`${line}\n`);
}

/** Prints a heading with the subject of the step. */
export function heading(text: string): void {
  say(`\n${pc.bold(pc.cyan(text))}`);
}

/** Prints a table. */
export function printTable(head: readonly string[], rows: readonly (readonly Cell[])[]): void {
  say(tableText(head, rows));
}

/** Prints the facts about one thing, line by line. */
export function printFacts(facts: readonly (readonly [name: string, fact: string | number])[]): void {
  const width = facts.reduce((widest, [name]) => Math.max(widest, name.length), 0);
  for (const [name, fact] of facts) say(`  ${name.padEnd(width)}  ${fact}`);
}

/** A fixed-width time to the second. */
export function toSecond(time: string): string {
  return `${time.slice(0, 19)}Z`;
}
