import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

// A thread of the tests that imports this first runs on the sources, as the tests do.

const root = new URL('../../../../', import.meta.url);
const { compilerOptions } = JSON.parse(readFileSync(new URL('tsconfig.json', root), 'utf8')) as {
  compilerOptions: { paths: Record<string, [string]> };
};
registerHooks({
  resolve(specifier, context, next) {
    const file = compilerOptions.paths[specifier]?.[0];
    return next(file === undefined ? specifier : new URL(file, root).href, context);
  },
});
