// Bundles each function, minified, with the operator's metrics if it computes any: `npm run build`, or with a config
// elsewhere `node deploy/src/build.ts --config FILE`. Creates the folders that the template names in CodeUri.
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadConfig, type PikConfig } from '@pik/cli';
import { build, type OnLoadResult, type Plugin } from 'esbuild';

const ROOT = join(import.meta.dirname, '../..');
const LAMBDA = join(ROOT, 'packages/handlers/src');

/** A function, whether it uses the queue, and whether it computes metrics. */
interface Kind {
  readonly setup: 'aws' | 'aws-stores';
  readonly computes: boolean;
}

const FUNCTIONS: Readonly<Record<string, Kind>> = {
  ingest: { setup: 'aws-stores', computes: false },
  sweeper: { setup: 'aws-stores', computes: false },
  replay: { setup: 'aws', computes: true },
  processor: { setup: 'aws', computes: true },
  investigate: { setup: 'aws-stores', computes: true },
  watcher: { setup: 'aws-stores', computes: true },
};

/** A bundled function. */
interface Bundle {
  readonly name: string;
  readonly bytes: number;
}

/**
 * Inside a function credentials come only from the environment; without the other providers, such as sign-on, a bundle
 * is a seventh smaller and starts sooner.
 */
const environmentCredentials: Plugin = stub('credentials', /^@aws-sdk\/credential-provider-node$/, {
  contents: `import { fromEnv } from '@aws-sdk/credential-provider-env';
export const defaultProvider = () => fromEnv();`,
  resolveDir: join(ROOT, 'node_modules/@aws-sdk/client-s3'),
});

/** A config imports `defineConfig` only for its types. */
const typesOfConfig: Plugin = stub('config', /^@pik\/cli$/, {
  contents: 'export const defineConfig = (config) => config;',
});

/** From its build, since the sources of the console bundle its pages with esbuild. */
const builtConsole: Plugin = {
  name: 'console',
  setup({ onResolve }) {
    onResolve({ filter: /^@pik\/console$/ }, () => ({ path: join(ROOT, 'packages/console/dist/index.js') }));
  },
};

function stub(name: string, filter: RegExp, module: OnLoadResult): Plugin {
  return {
    name,
    setup({ onResolve, onLoad }) {
      onResolve({ filter }, ({ path }) => ({ path, namespace: name }));
      onLoad({ filter: /.*/, namespace: name }, () => module);
    },
  };
}

interface Entry {
  readonly kind: Kind;
  readonly configFile: string | null;
  /** As JSON: functions that receive events need not load the config, with its metrics and schemas. */
  readonly declared: string;
}

function entry(name: string, { kind: { setup }, configFile, declared }: Entry): string {
  const from = (file: string) => JSON.stringify(file);
  return `import { awsSetup } from ${from(join(LAMBDA, `${setup}.ts`))};
import { open } from ${from(join(LAMBDA, `${name}.ts`))};
${configFile === null ? '' : `import config from ${from(configFile)};`}
const { aggregates = [] } = ${configFile === null ? '{}' : 'config'};
const declared = ${declared};
export const handler = await open(awsSetup({ variables: process.env, aggregates, ...declared }));`;
}

async function bundle(name: string, { outDir, ...parts }: Entry & { outDir: string }): Promise<Bundle> {
  const outfile = join(outDir, name, 'index.mjs');
  const { metafile } = await build({
    stdin: { contents: entry(name, parts), resolveDir: ROOT, sourcefile: `${name}.js` },
    outfile,
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    mainFields: ['module', 'main'],
    // From sources, so that only the needed modules of a package are bundled.
    tsconfig: join(ROOT, 'tsconfig.json'),
    legalComments: 'none',
    plugins: [environmentCredentials, typesOfConfig, builtConsole],
    // Some libraries are CommonJS and require modules of Node.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    metafile: true,
    logLevel: 'error',
  });
  const [output] = Object.values(metafile.outputs);
  return { name, bytes: output?.bytes ?? 0 };
}

/** Fields of a config that the stack takes as parameters instead. */
function notes({ apiKeys, indexRetentionDays }: PikConfig): string[] {
  const taken: string[] = [];
  if (apiKeys !== undefined)
    taken.push('apiKeys is for pik serve; a stack takes hashes of keys in its parameter ApiKeys');
  if (indexRetentionDays !== undefined)
    taken.push('indexRetentionDays is for pik serve; a stack takes its parameter RawRetentionDays, less seven days');
  return taken;
}

/** Bundles every function into a folder, after checking the metrics of a config. Throws `CONFIG_INVALID`. */
export async function buildFunctions(options: { outDir: string; configFile: string | null }): Promise<Bundle[]> {
  const { outDir, configFile } = options;
  const config = configFile === null ? {} : await loadConfig(configFile);
  const declared = JSON.stringify({ volatile: config.volatile, mask: config.mask, doors: config.doors });
  const { monitors, sinks, publicUrl } = config;
  const watched = JSON.stringify({ volatile: config.volatile, doors: config.doors, monitors, sinks, publicUrl });
  for (const note of notes(config)) console.log(`note: ${note}`);
  // Into a temporary folder first: the old bundles stay deployable until all new ones exist.
  const fresh = `${outDir}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  const bundles: Bundle[] = [];
  for (const [name, kind] of Object.entries(FUNCTIONS))
    bundles.push(
      await bundle(name, {
        kind,
        outDir: fresh,
        configFile: kind.computes ? configFile : null,
        declared: name === 'watcher' ? watched : declared,
      }),
    );
  const metrics = ['daily_event_count', ...(config.aggregates ?? []).map(({ metric }) => metric)];
  writeFileSync(join(fresh, 'built.json'), `${JSON.stringify({ metrics, bundles }, null, 2)}\n`);
  rmSync(outDir, { recursive: true, force: true });
  renameSync(fresh, outDir);
  console.log(`metrics: ${metrics.join(', ')}`);
  for (const { name, bytes } of bundles) console.log(`${name.padEnd(12)} ${(bytes / 1024).toFixed(0).padStart(4)} KB`);
  return bundles;
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  const usual = join(ROOT, 'pik.config.ts');
  const configFile = values.config === undefined ? (existsSync(usual) ? usual : null) : resolve(values.config);
  if (configFile !== null) console.log(`config: ${relative(process.cwd(), configFile)}`);
  await buildFunctions({ outDir: join(import.meta.dirname, '../dist'), configFile });
}
