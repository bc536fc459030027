import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VARIABLES } from '@pik/testkit/fixtures/functions/functions';
import { afterAll, describe, expect, it } from 'vitest';
import { buildFunctions } from '../src/build.ts';
import { FUNCTIONS, type FunctionName, template } from './support/cloud.ts';

// The deployed bundles are those of `npm run build`: they exist, are small, and start in a process of their own.

/** A function loads its bundle at each cold start. The one that answers questions also serves the console; the watcher, for which nobody waits, has the client of SNS. */
const BUNDLE_BYTES_MAX = 1_000_000;
const MORE_BYTES_MAX: { readonly [N in FunctionName]?: number } = { Investigate: 550_000, Watcher: 200_000 };
// The folder from which a config resolves the packages that it imports.
const dir = mkdtempSync(join(import.meta.dirname, '../../node_modules/.pik-bundles-'));
afterAll(() => rmSync(dir, { recursive: true }));

const codeUri = (name: string) =>
  join(import.meta.dirname, '..', template.Resources[`${name}Function`]?.Properties.CodeUri);

/** Starts a bundle as the runtime does; returns its export, or the error that stopped it. */
function start(file: string, variables: Record<string, string | undefined>) {
  const script = `const { handler } = await import(process.argv[1]); console.log(typeof handler, handler.length);`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script, file], {
    env: { PATH: process.env.PATH, AWS_REGION: 'eu-central-1', ...variables },
    encoding: 'utf8',
  });
  return { stdout: stdout.trim(), stderr, status };
}

const byIam = { ...VARIABLES, PIK_AUTHENTICATION: 'IAM', PIK_FIRST_KEY_SECRET: '' };

describe('D61: every CodeUri of the template', () => {
  it.each(FUNCTIONS)('%s exists after npm run build, as a single small file', (name) => {
    const file = join(codeUri(name), 'index.mjs');
    expect(existsSync(file)).toBe(true);
    expect(statSync(file).size).toBeLessThan(BUNDLE_BYTES_MAX + (MORE_BYTES_MAX[name] ?? 0));
  });

  it.each(FUNCTIONS)('%s starts, and exports a handler', (name) => {
    expect(start(join(codeUri(name), 'index.mjs'), byIam)).toMatchObject({ stdout: 'function 2', status: 0 });
  });

  it.each(FUNCTIONS)('D04: %s does not start without its settings, and names them', (name) => {
    const { status, stderr } = start(join(codeUri(name), 'index.mjs'), {});
    expect(status).not.toBe(0);
    for (const variable of ['PIK_BUCKET', 'PIK_INDEX_TABLE', 'PIK_RAW_RETENTION_DAYS', 'POWERTOOLS_SERVICE_NAME'])
      expect(stderr).toContain(`${variable} must be set`);
  });

  it('contains what its function needs and not what another does', () => {
    const text = (name: string) => readFileSync(join(codeUri(name), 'index.mjs'), 'utf8');
    const has = (name: string) => ({
      app: text(name).includes('docs/errors.md'),
      secrets: text(name).includes('GetSecretValue'),
      metrics: text(name).includes('daily_event_count'),
      openapi: text(name).includes('3.1.0'),
      queue: text(name).includes('SendMessageBatch'),
    });
    expect(has('Ingest')).toMatchObject({ app: true, secrets: true, openapi: false, queue: false });
    expect(has('Sweeper')).toMatchObject({ app: false, secrets: false, openapi: false, queue: false });
    expect(has('Watcher')).toMatchObject({ app: false, secrets: false, metrics: true, openapi: false, queue: false });
    expect(has('Processor')).toMatchObject({ app: false, secrets: false, metrics: true, openapi: false, queue: true });
    expect(has('Investigate')).toMatchObject({ app: true, secrets: true, metrics: true, openapi: true, queue: false });
  });
});

describe("the operator's config", () => {
  const config = (name: string, body: string) => {
    const file = join(dir, `${name}.ts`);
    writeFileSync(file, body);
    return file;
  };
  const DECLARED = `import { defineConfig } from '@pik/cli';
import { countOf, defineAggregate } from '@pik/aggregates';
export default defineConfig({ aggregates: [defineAggregate({ metric: 'orders_per_hour', definition_version: 1, group_by: 'source', window: 'hour', time_zone: 'UTC', ...countOf() })] });`;

  it('brings its metrics into the functions that compute values, and into no other', async () => {
    const outDir = join(dir, 'dist');
    await buildFunctions({ outDir, configFile: config('declared', DECLARED) });
    const has = (name: string) => readFileSync(join(outDir, name, 'index.mjs'), 'utf8').includes('orders_per_hour');
    expect(['ingest', 'sweeper', 'replay', 'processor', 'investigate', 'watcher'].map(has)).toEqual([
      false,
      false,
      true,
      true,
      true,
      true,
    ]);
    expect(start(join(outDir, 'processor', 'index.mjs'), byIam)).toMatchObject({ status: 0 });
  });

  it('with an unknown field stops the build, before anything is deployed', async () => {
    const wrong = config('wrong', 'export default { agregates: [] };');
    await expect(buildFunctions({ outDir: join(dir, 'wrong'), configFile: wrong })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    expect(existsSync(join(dir, 'wrong'))).toBe(false);
  });
});
