// Bundles the pages. It runs when the package is built and, from sources, when a test asks for the first page.
import { basename, join } from 'node:path';
import { build } from 'esbuild';

import type { ConsoleFile } from './files.ts';

/** The files of the console by name: `main-….js`, `style-….css`, and one script per page. `sources` is the folder `src`. */
export async function bundleConsole(sources: string = import.meta.dirname): Promise<Record<string, ConsoleFile>> {
  const { outputFiles } = await build({
    entryPoints: [join(sources, 'app/main.tsx'), join(sources, 'app/style.css')],
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    // From the sources of every package, whatever was built before.
    tsconfig: join(sources, '../../../tsconfig.json'),
    jsx: 'automatic',
    jsxImportSource: 'preact',
    outdir: 'assets',
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    legalComments: 'none',
    logLevel: 'error',
    charset: 'utf8',
    write: false,
  });
  return Object.fromEntries(outputFiles.map(({ path, text }) => [basename(path), { type: typeOf(path), text }]));
}

/** The text of a module that exports the files, for the published package. */
export async function bundledModule(sources: string): Promise<string> {
  return `const files = ${JSON.stringify(await bundleConsole(sources))};\nexport const bundleConsole = async () => files;\n`;
}

function typeOf(path: string): string {
  return path.endsWith('.css') ? 'text/css; charset=utf-8' : 'text/javascript; charset=utf-8';
}
