// Writes docs/faults.md from the titles of the tests: which fault each code names, and where it is tested.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

/** A title that begins with codes, such as `D49, D51: …` or `J21 …`. Codes of guarantees (G1) stand in guarantees.md. */
const CODED = /^((?:[A-FH-Z]\d{1,3})(?:(?:, | and | to |–|-)[A-FH-Z]?\d{1,3})*)(?::\s*|\s+)(.+)$/s;

const HEAD = `# Faults by code

Tests cite faults by code: a letter for the area and a number. Each row says what holds under that fault, in the words of its test,
and where it is tested. \`vitest run FILE -t CODE\` runs it. A test writes this page: \`vitest run scripts/faults.test.ts -u\`.

| Area | Faults of |
|---|---|
| A | investigation: cursors, parameters, answers |
| D | ingest, index, replay and processing on AWS and on one machine |
| E | the kit's behaviour inside a process |
| H | HTTP |
| I, J, L | identity, JSON and payloads, limits |
| O | producer and outbox |
| Q | queue, dead letters and processor |
| R, S, X | reports, SQLite and files, security |
| T | time |

| Code | What holds | Test |
|---|---|---|
`;

it('docs/faults.md names each fault that a test cites', async () => {
  const files = execFileSync('git', ['ls-files', '*.ts'], { cwd: root, encoding: 'utf8' }).split('\n');
  const tests = files.filter(
    (file) => /\.test\.ts$|\/(test|fixtures|testkit)\//.test(file) && existsSync(join(root, file)),
  );
  const rows = tests.flatMap((file) => titlesIn(file).map((row) => ({ ...row, file })));
  rows.sort((a, b) => a.code.localeCompare(b.code, 'en', { numeric: true }) || a.file.localeCompare(b.file));
  const lines = rows.map(({ code, title, file }) => `| ${code} | ${title} | \`${file.replace(/^packages\//, '')}\` |`);
  await expect(`${HEAD}${lines.join('\n')}\n`).toMatchFileSnapshot('../docs/faults.md');
});

function titlesIn(file: string): { code: string; title: string }[] {
  const found: { code: string; title: string }[] = [];
  const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true);
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /^(it|test|describe)\b/.test(node.expression.getText())) {
      const [first] = node.arguments;
      const text = first && ts.isStringLiteralLike(first) ? first.text : undefined;
      const [, codes, title] = CODED.exec(text ?? '') ?? [];
      if (codes !== undefined && title !== undefined)
        for (const code of codesIn(codes))
          found.push({ code, title: title.replace(/\s+/g, ' ').replaceAll('|', '\\|') });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** `D49, 51 and D60` as `D49`, `D51`, `D60`. */
function codesIn(text: string): string[] {
  const letter = text.slice(0, 1);
  return text.split(/, | and | to |–|-/).map((code) => (/^\d/.test(code) ? `${letter}${code}` : code));
}
