// Writes the parts of the template that follow from the schema (columns and partitions of the raw log, its named queries, the
// dashboard), and what follows from the template for other tools. `npm run generate -w deploy`; a test fails if they are out of date.
import { readFileSync, writeFileSync } from 'node:fs';

import { stringify } from 'yaml';

import { namedQuery, readQuestions, receiptsTable } from './athena.ts';
import { dashboardBody } from './dashboard.ts';
import { filesOfOtherTools } from './other-tools.ts';
import { TEMPLATE } from './template.ts';

const PARTS: Readonly<Record<string, () => object>> = {
  dashboard: () => ({ DashboardBody: { 'Fn::Sub': JSON.stringify(dashboardBody()) } }),
  table: receiptsTable,
  queries: () =>
    Object.fromEntries(readQuestions().map((question) => [resourceName(question.name), namedQuery(question)])),
};

function resourceName(question: string): string {
  return `${question.replace(/(^|-)(\w)/g, (_, _dash, letter: string) => letter.toUpperCase())}Query`;
}

/** The template with its parts generated again. */
export function withGenerated(template: string): string {
  return template.replace(
    /^( *)# generated: (\w+)\n[\s\S]*?^ *# end of generated$/gm,
    (whole, indent: string, name: string) => {
      const part = PARTS[name];
      if (part === undefined) return whole;
      const text = stringify(part(), { lineWidth: 0 });
      const lines = text.trimEnd().split('\n');
      const indented = lines.map((line) => (line === '' ? '' : indent + line)).join('\n');
      return `${indent}# generated: ${name}\n${indented}\n${indent}# end of generated`;
    },
  );
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(TEMPLATE, withGenerated(readFileSync(TEMPLATE, 'utf8')));
  for (const [file, text] of filesOfOtherTools()) writeFileSync(file, text);
}
