import { readFileSync } from 'node:fs';

import ts from 'typescript';

/** The result of a cell: its printed text, and its last value by media type. */
export interface CellOutput {
  readonly stream: string;
  readonly data: Readonly<Record<string, string>> | null;
}

/** One cell of a notebook file. */
interface Cell {
  readonly cell_type: 'code' | 'markdown';
  readonly source: string | readonly string[];
  outputs?: unknown[];
  execution_count?: number | null;
}

/** A notebook file, version 4. */
export interface Notebook {
  readonly cells: Cell[];
  readonly metadata: unknown;
  readonly nbformat: number;
  readonly nbformat_minor: number;
}

/** Reads the notebook in a file. */
export function readNotebook(file: string): Notebook {
  return JSON.parse(readFileSync(file, 'utf8')) as Notebook;
}

/** The sources of its code cells, in order. */
export function codeCells({ cells }: Notebook): string[] {
  return cells.filter(({ cell_type }) => cell_type === 'code').map(({ source }) => joined(source));
}

/** The outputs stored in it, cell by cell. */
export function storedOutputs({ cells }: Notebook): CellOutput[] {
  return cells.filter(({ cell_type }) => cell_type === 'code').map(({ outputs = [] }) => outputOf(outputs));
}

type Text = string | readonly string[];

function joined(text: Text): string {
  return typeof text === 'string' ? text : text.join('');
}

function outputOf(outputs: readonly unknown[]): CellOutput {
  let stream = '';
  let data: Record<string, string> | null = null;
  for (const output of outputs as { output_type: string; text?: Text; data?: Record<string, Text> }[]) {
    if (output.output_type === 'stream') stream += joined(output.text ?? '');
    else if (output.output_type === 'error') throw new Error(`a cell failed: ${JSON.stringify(output)}`);
    else data = Object.fromEntries(Object.entries(output.data ?? {}).map(([type, text]) => [type, joined(text)]));
  }
  return { stream, data };
}

/** The notebook with these outputs instead of its own. */
export function withOutputs(notebook: Notebook, outputs: readonly CellOutput[]): Notebook {
  let next = 0;
  const cells = notebook.cells.map((cell) => {
    if (cell.cell_type !== 'code') return cell;
    const { stream, data } = outputs[next] as CellOutput;
    next += 1;
    return {
      ...cell,
      execution_count: next,
      outputs: [
        ...(stream === '' ? [] : [{ name: 'stdout', output_type: 'stream', text: lines(stream) }]),
        ...(data === null
          ? []
          : [{ output_type: 'execute_result', execution_count: next, metadata: {}, data: split(data) }]),
      ],
    };
  });
  return { ...notebook, cells };
}

function split(data: Readonly<Record<string, string>>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(data).map(([type, text]) => [type, lines(text)]));
}

function lines(text: string): string[] {
  return text.split(/(?<=\n)/);
}

/**
 * The cells as one module that does the same as the kernel: cells run in order, and the last value of each is kept. At
 * the end it prints the outputs as one line of JSON.
 */
export function moduleOf(cells: readonly string[]): string {
  const imports: string[] = [];
  const bodies = cells.map((source, cell) => {
    const file = ts.createSourceFile(`cell-${cell}.ts`, source, ts.ScriptTarget.Latest, true);
    const body: string[] = [];
    for (const [i, statement] of file.statements.entries()) {
      const text = statement.getText();
      if (ts.isImportDeclaration(statement)) imports.push(text);
      else if (i === file.statements.length - 1 && ts.isExpressionStatement(statement))
        body.push(`await $keep(${cell}, ${statement.expression.getText()});`);
      else body.push(text);
    }
    return [`$cell = ${cell};`, ...body].join('\n');
  });
  return [...imports, PRELUDE, ...bodies, '$print(JSON.stringify($outputs));'].join('\n');
}

const PRELUDE = `
type $Output = { stream: string; data: Record<string, string> | null };
const $outputs: $Output[] = [];
let $cell = 0;
const $at = (cell: number): $Output => ($outputs[cell] ??= { stream: '', data: null });
const $print = console.log.bind(console);
console.log = (...values: unknown[]) => {
  const text = values.map((value) => (typeof value === 'string' ? value : Deno.inspect(value))).join(' ');
  $at($cell).stream += text + '\\n';
};
async function $keep(cell: number, value: unknown): Promise<void> {
  const output = $at(cell);
  const shown = (value as { [name: symbol]: unknown } | null | undefined)?.[Symbol.for('Jupyter.display')];
  if (typeof shown === 'function') output.data = await shown.call(value);
  else if (value !== undefined) output.data = { 'text/plain': Deno.inspect(value) };
}
`;
