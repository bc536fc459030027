// Cost of a million events on AWS. Requests and write units are counted from the requests that the kit sends to
// in-memory services; CPU time and log bytes are measured on the built ingest function with a stub backend. Prices are
// those of us-east-1, on demand, without the free tier. Run `npm run build` first, then `node
// benchmarks/src/aws-costs.ts`; writes results/aws-costs.json and the tables of the READMEs of backend and deployment.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { type Counts, countIngest, type Identity } from '@pik/testkit/fixtures/engine/aws-counts';
import { serveStub } from './aws-stub.ts';

const PER_REQUEST = 100;
const MILLION = 1_000_000;
const IDENTITIES: readonly Identity[] = ['content', 'keyed', 'duplicates'];
const TARGETS: Readonly<Record<Identity, number>> = { content: 1, keyed: 1.6, duplicates: 1.4 };

/** Dollars, November 2026. */
const PRICES = {
  http_api_per_million: 1,
  lambda_per_million: 0.2,
  lambda_arm64_per_gb_s: 0.000_013_333_4,
  dynamodb_write_units_per_million: 0.625,
  dynamodb_read_units_per_million: 0.125,
  s3_puts_per_thousand: 0.005,
  logs_per_gb: 0.5,
  s3_per_gb_month: 0.023,
  dynamodb_per_gb_month: 0.25,
  dynamodb_point_in_time_per_gb_month: 0.2,
} as const;

/** As in the template; a function has one whole processor from 1,769 MB on. */
const MEMORY_MB = 1_024;
const WHOLE_CPU_MB = 1_769;
/** Time per request without computation: it waits for one PUT to S3 and the first and last write to DynamoDB. */
const WAIT_MS = 40;
/** A line of API Gateway's access log. */
const ACCESS_LOG_BYTES = 450;

interface Measured {
  readonly cpu_ms: number;
  readonly log_bytes: number;
}

const VARIABLES = {
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'x',
  AWS_SECRET_ACCESS_KEY: 'x',
  POWERTOOLS_SERVICE_NAME: 'kit',
  PIK_BUCKET: 'kit-raw',
  PIK_INDEX_TABLE: 'kit-index',
  PIK_RAW_RETENTION_DAYS: '400',
  PIK_SETTLE_MS: '50000',
  PIK_RETRY_DELAY_MS: '60000',
  PIK_AUTHENTICATION: 'IAM',
  PIK_FIRST_KEY_SECRET: '',
  // The runtime's values for a request without a recorded trace, as most are.
  LAMBDA_TASK_ROOT: '/var/task',
  AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
  _X_AMZN_TRACE_ID: 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0',
  PIK_API_KEYS: '',
};

async function measure(identity: Identity): Promise<Measured> {
  const stub = await serveStub();
  const child = spawn(process.execPath, [join(import.meta.dirname, 'aws-cpu.ts'), identity], {
    env: { PATH: process.env.PATH, AWS_ENDPOINT_URL: stub.url, ...VARIABLES },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const chunk of child.stdout) output += chunk;
  await stub.close();
  return JSON.parse(output) as Measured;
}

function dollars({ requests, puts, units, readUnits, events }: Counts, { cpu_ms, log_bytes }: Measured) {
  const times = MILLION / events;
  const durationS = (cpu_ms * (WHOLE_CPU_MB / MEMORY_MB) + WAIT_MS) / 1000;
  const gbS = requests * times * durationS * (MEMORY_MB / 1024);
  const writeUnits = Object.values(units).reduce((sum, n) => sum + n, 0);
  const parts = {
    api: ((requests * times) / MILLION) * PRICES.http_api_per_million,
    lambda: gbS * PRICES.lambda_arm64_per_gb_s + ((requests * times) / MILLION) * PRICES.lambda_per_million,
    dynamodb:
      ((writeUnits * times) / MILLION) * PRICES.dynamodb_write_units_per_million +
      ((readUnits * times) / MILLION) * PRICES.dynamodb_read_units_per_million,
    s3: ((puts * times) / 1000) * PRICES.s3_puts_per_thousand,
    logs: ((requests * times * (log_bytes + ACCESS_LOG_BYTES)) / 1e9) * PRICES.logs_per_gb,
  };
  return { ...parts, sum: Object.values(parts).reduce((sum, part) => sum + part, 0) };
}

/** Dollars a month for holding a million events. */
function monthly({ stored, events }: Counts) {
  const gb = (bytes: number) => (bytes * MILLION) / events / 1e9;
  const parts = {
    s3: gb(stored.s3) * PRICES.s3_per_gb_month,
    dynamodb: gb(stored.dynamodb) * PRICES.dynamodb_per_gb_month,
    backups: gb(stored.dynamodb) * PRICES.dynamodb_point_in_time_per_gb_month,
  };
  return { ...parts, sum: parts.s3 + parts.dynamodb + parts.backups };
}

const rows = [];
for (const identity of IDENTITIES) {
  const counts = await countIngest(identity, { events: 10_000, perRequest: PER_REQUEST });
  const measured = await measure(identity);
  const costs = { dollars: dollars(counts, measured), dollars_a_month: monthly(counts) };
  rows.push({ identity, target: TARGETS[identity], counts, measured, ...costs });
}
const result = {
  date: new Date().toISOString().slice(0, 10),
  node: process.version,
  memory_mb: MEMORY_MB,
  wait_ms: WAIT_MS,
  prices: PRICES,
  rows,
};
writeFileSync(join(import.meta.dirname, '../results/aws-costs.json'), `${JSON.stringify(result, null, 2)}\n`);

const unitsText = ({ units }: Counts) =>
  Object.entries(units)
    .sort(([, a], [, b]) => b - a)
    .map(([kind, n]) => `${Math.round(n / 10)} ${kind}`)
    .join(', ');
const bytesEach = (bytes: number, { events }: Counts) => Math.round(bytes / events);
const cents = (value: number) => value.toFixed(3);
const dollarsTable = `Counted and measured on ${result.date} by \`node benchmarks/src/aws-costs.ts\`, in dollars per million events of some 300 bytes, in
requests of ${PER_REQUEST}; us-east-1, on demand, without the free tier. Included: HTTP API, Lambda (arm64, ${MEMORY_MB} MB), DynamoDB, PUTs to S3,
logs with the access log. Not included: what is stored (the next table), transfer, metrics and alarms, traces, authentication's own calls.

| Events | API | Lambda | DynamoDB | S3 | Logs | Sum | At most |
|---|---|---|---|---|---|---|---|
${rows.map(({ identity, target, dollars: d }) => `| ${identity} | ${[d.api, d.lambda, d.dynamodb, d.s3, d.logs, d.sum].map(cents).join(' | ')} | ${target.toFixed(2)} |`).join('\n')}
| an earlier kit, one event a request | 3.50 | 0.40 | 1.88 | 5.00 | 0.69 | 11.46 | |

To hold the same million events costs these dollars a month, as long as they are kept: packs in S3 (Standard), rows in DynamoDB, and the
tables' point-in-time recovery.

| Events | bytes an event in S3 | bytes an event in DynamoDB | S3 | DynamoDB | recovery | Sum |
|---|---|---|---|---|---|---|
${rows.map(({ identity, counts, dollars_a_month: d }) => `| ${identity} | ${bytesEach(counts.stored.s3, counts)} | ${bytesEach(counts.stored.dynamodb, counts)} | ${[d.s3, d.dynamodb, d.backups, d.sum].map(cents).join(' | ')} |`).join('\n')}`;
const countsTable = `| Per 1,000 events | PUTs to S3 | read units | write units | processor time per request |
|---|---|---|---|---|
${rows.map(({ identity, counts, measured }) => `| ${identity} | ${counts.puts / 10} | ${counts.readUnits / 10} | ${unitsText(counts)} | ${measured.cpu_ms.toFixed(0)} ms |`).join('\n')}`;

const marked = /(<!-- costs[^>]*-->\n)[\s\S]*?(<!-- \/costs -->)/;
function put(path: string, text: string): void {
  const readme = join(import.meta.dirname, '../..', path);
  writeFileSync(
    readme,
    readFileSync(readme, 'utf8').replace(marked, (_, start, end) => `${start}${text}\n${end}`),
  );
}
put('packages/engine/src/backends/aws/README.md', `${dollarsTable}\n\n${countsTable}`);
put('deploy/README.md', `\n${dollarsTable}\n`);
console.log(`${dollarsTable}\n\n${countsTable}`);
