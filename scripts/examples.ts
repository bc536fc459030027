import { dirname, relative } from 'node:path';

/** An example of a doc comment: where it begins, and its code. */
export interface Example {
  readonly file: string;
  /** Line of the tag, from 1. */
  readonly line: number;
  readonly code: string;
}

const COMMENT = /\/\*\*[\s\S]*?\*\//g;

/** The examples in the doc comments of a source file, in order. An example ends at the next tag or with its comment. */
export function examplesIn(file: string, text: string): Example[] {
  const found: Example[] = [];
  for (const { 0: comment, index } of text.matchAll(COMMENT)) {
    const lines = comment
      .slice(3, -2)
      .split('\n')
      .map((line) => line.replace(/^\s*\* ?/, ''));
    const first = text.slice(0, index).split('\n').length;
    for (let i = 0; i < lines.length; i++) {
      const start = /^\s*@example\b ?(.*)$/.exec(lines[i] ?? '');
      if (start === null) continue;
      const code = [start[1] ?? ''];
      const line = first + i;
      while (i + 1 < lines.length && !/^\s*@\w/.test(lines[i + 1] ?? '')) code.push(lines[++i] ?? '');
      found.push({ file, line, code: code.join('\n').trim() });
    }
  }
  return found;
}

/**
 * The examples of a page of documentation that import a package of the kit, in order. Those copied from a file are left out: a test
 * compares them with it.
 */
export function examplesOfPage(file: string, text: string): Example[] {
  return [...text.matchAll(/^(<!-- from \S+ -->\n)?```ts\n([\s\S]*?)^```/gm)]
    .filter(({ 1: copied, 2: code = '' }) => copied === undefined && /^import .*'@pik\//m.test(code))
    .map(({ 2: code = '', index }) => ({ file, line: text.slice(0, index).split('\n').length, code }));
}

/** Name of the file in which an example is checked: the place of its source. */
export function nameOf({ file, line }: Example): string {
  return `${file.replaceAll(/[/.]/g, '-')}-${line}.ts`;
}

/**
 * The module that checks an example, in `folder` of the repository. Relative imports, of examples for the kit's own code, lead to the
 * source.
 */
export function moduleOf({ file, line, code }: Example, folder: string): string {
  const up = relative(folder, dirname(file));
  const moved = code.replaceAll(/(from ')\.\//g, `$1${up}/`);
  return `// ${file}, line ${line}\n${moved}\nexport {};\n`;
}

/** Names that a text of documentation or an example imports from the kit's packages, by the module. */
export function importsIn(text: string): { module: string; name: string }[] {
  return [...text.matchAll(/^import \{([^}]*)\} from '(@pik\/[^']+)';/gm)].flatMap(([, names = '', module = '']) =>
    names
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '' && !name.startsWith('type '))
      .map((name) => ({ module, name: name.split(' ')[0] ?? name })),
  );
}
