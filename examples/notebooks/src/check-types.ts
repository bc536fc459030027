import { join } from 'node:path';

import ts from 'typescript';

const REPOSITORY = join(import.meta.dirname, '../../..');

/** The compiler's errors about a module that is in no file; `file` is its virtual path. */
export function typeErrors(file: string, source: string): string[] {
  const { config } = ts.readConfigFile(join(REPOSITORY, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, REPOSITORY);
  // Deno has the newest library.
  options.lib = [...(options.lib ?? []), 'lib.esnext.d.ts'];
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  const text = `declare const Deno: { inspect(value: unknown): string };\n${source}`;
  host.fileExists = (name) => name === file || fileExists(name);
  host.readFile = (name) => (name === file ? text : readFile(name));
  host.getSourceFile = (name, ...rest) =>
    name === file ? ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true) : getSourceFile(name, ...rest);
  const program = ts.createProgram([file], options, host);
  const own = program.getSourceFile(file);
  return ts
    .getPreEmitDiagnostics(program, own)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}
