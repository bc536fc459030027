// The table of docs/ARCHITECTURE.md as patterns of paths: which imports each layer may have.

/** Pure decisions of the engine: what lies in a folder `rules`, and all of `statistics`. */
export const RULES = /^packages\/engine\/src\/(statistics\/|(.+\/)?rules\/)/;
/** Which imports each layer may have; `types` of others are allowed where they say so. */
export const LAYERS: { layer: string; files: RegExp; may: RegExp; types?: RegExp }[] = [
  { layer: 'schema', files: /^packages\/schema\/src\//, may: /^(packages\/schema\/src\/|zod\/mini$)/ },
  { layer: 'aggregates', files: /^packages\/aggregates\/src\//, may: /^(packages\/aggregates\/src\/|@pik\/schema$)/ },
  {
    layer: 'sdk/connection',
    files: /^packages\/sdk\/src\/connection\//,
    may: /^(packages\/sdk\/src\/connection\/|@pik\/schema\/events$)/,
  },
  {
    layer: 'sdk/producer',
    files: /^packages\/sdk\/src\/(producer\/|producer-thread\.ts|index\.ts)/,
    may: /^(packages\/sdk\/src\/(producer|connection)\/|@pik\/schema\/events$|uuid$)/,
    types: /^packages\/sdk\/src\/outbox\/outbox-port\.ts$/,
  },
  {
    layer: 'sdk/investigator',
    files: /^packages\/sdk\/src\/investigator(\/|\.ts)/,
    may: /^(packages\/sdk\/src\/(investigator|connection)\/|@pik\/(schema(\/events)?|aggregates)$|uuid$)/,
  },
  {
    layer: 'sdk/outbox',
    files: /^packages\/sdk\/src\/outbox(\/|\.ts)/,
    may: /^(packages\/sdk\/src\/outbox\/|@pik\/schema\/events$|node:)/,
  },
  {
    layer: 'sdk/testing',
    files: /^packages\/sdk\/src\/(testing(\/|\.ts)|vitest\.ts)/,
    may: /^(packages\/sdk\/src\/(testing|producer|connection)\/|packages\/sdk\/src\/index\.ts$|@pik\/schema\/events$|vitest$)/,
  },
  {
    layer: 'request-events',
    files: /^packages\/request-events\/src\//,
    may: /^(packages\/request-events\/src\/|@pik\/(sdk|schema\/events)$|node:(async_hooks|crypto|net)$)/,
    types: /^node:http$/,
  },
  {
    layer: 'express-middleware',
    files: /^packages\/express-middleware\/src\//,
    may: /^(packages\/express-middleware\/src\/|@pik\/request-events$)/,
    types: /^(@pik\/sdk|express)$/,
  },
  {
    layer: 'fastify-plugin',
    files: /^packages\/fastify-plugin\/src\//,
    may: /^(packages\/fastify-plugin\/src\/|@pik\/request-events$|fastify-plugin$)/,
    types: /^(@pik\/sdk|fastify)$/,
  },
  {
    layer: 'pino-transport',
    files: /^packages\/pino-transport\/src\//,
    may: /^(packages\/pino-transport\/src\/|@pik\/sdk$|pino-abstract-transport$|node:crypto$)/,
  },
  {
    layer: 'taps',
    files: /^packages\/taps\/src\//,
    may: /^(packages\/taps\/src\/|@pik\/(schema|sdk)$|node:timers\/promises$)/,
    types: /^(@aws-sdk\/client-sqs|@nats-io\/jetstream|amqplib|pg)$/,
  },
  {
    layer: 'mcp',
    files: /^packages\/mcp\/src\//,
    may: /^(packages\/mcp\/src\/|@pik\/(schema|sdk\/investigator)$|@modelcontextprotocol\/server(\/stdio)?$|node:crypto$)/,
  },
  {
    layer: 'verifier',
    files: /^packages\/verifier\/src\//,
    may: /^(packages\/verifier\/src\/|node:(crypto|fs|path|zlib)$)/,
  },
  {
    layer: 'engine rules',
    files: RULES,
    may: /^(packages\/engine\/src\/(statistics\/|(.+\/)?rules\/)|@pik\/(schema|aggregates)$)/,
    types: /^packages\/engine\/src\/(ports\/|api\/pipeline\.ts)/,
  },
  {
    layer: 'engine/ports',
    files: /^packages\/engine\/src\/ports\//,
    may: /^(packages\/engine\/src\/ports\/|@pik\/(schema|aggregates)$)/,
  },
  {
    layer: 'engine capabilities',
    files:
      /^packages\/engine\/src\/(runtime|storage|ingest|aggregates|change|replay|reports|search|compare|shape|mask|tail|explain|verify|cells|compact|erase|signed-log|monitors)\//,
    may: /^(packages\/engine\/src\/(runtime|statistics|storage|ingest|aggregates|change|replay|reports|search|compare|shape|mask|tail|explain|verify|cells|compact|erase|signed-log|monitors|ports)\/|@pik\/(schema|aggregates)$|uuid$|hyparquet(-writer)?$|node:(zlib|crypto|util|timers))/,
    types: /^(packages\/engine\/src\/api\/pipeline\.ts|@aws-sdk\/client-sns)$/,
  },
  {
    layer: 'engine/backends/local',
    files: /^packages\/engine\/src\/backends\/local\//,
    may: /^(packages\/engine\/src\/((backends\/local|ports)\/|(ingest\/rules\/(first-receipt|slices)|runtime\/rules\/bytes|storage\/rules\/slice-codec)\.ts$)|@pik\/schema$|node:)/,
  },
  {
    layer: 'engine/backends/aws',
    files: /^packages\/engine\/src\/backends\/aws\//,
    may: /^(packages\/engine\/src\/((backends\/aws|ports)\/|ingest\/rules\/(first-receipt|slices)\.ts$)|@pik\/schema$|@aws-sdk\/client-(s3|dynamodb|sqs)$|node:(crypto|timers\/promises)$)/,
  },
  {
    layer: 'engine/http',
    files: /^packages\/engine\/src\/http\//,
    may: /^(packages\/engine\/src\/((http|ports)\/|audit\/(audit-log|rules\/audit-record)\.ts$)|@pik\/(schema|console)$|hono|uuid$|zod\/mini$|node:(zlib|crypto|util))/,
    types: /^packages\/engine\/src\/api\/pipeline\.ts$/,
  },
  {
    layer: 'engine/readers',
    files: /^packages\/engine\/src\/readers\//,
    may: /^(packages\/engine\/src\/(readers|threads|api|http|ports|runtime|backends\/local)\/|@pik\/schema$|node:(os|worker_threads)$)/,
  },
  {
    layer: 'engine/threads',
    files: /^packages\/engine\/src\/threads\//,
    may: /^(packages\/engine\/src\/threads\/|@pik\/schema$|node:worker_threads$)/,
  },
  {
    layer: 'engine/parsers',
    files: /^packages\/engine\/src\/parsers\//,
    may: /^(packages\/engine\/src\/(parsers|threads|ingest|ports)\/|@pik\/schema$|node:worker_threads$)/,
  },
  {
    layer: 'handlers',
    files: /^packages\/handlers\/src\//,
    may: /^(packages\/handlers\/src\/|@pik\/engine(\/(aws|http|monitors))?$|@pik\/schema$|@aws-lambda-powertools\/|@aws-sdk\/client-secrets-manager$|uuid$|node:(crypto|stream|zlib)$)/,
    types: /^@(pik\/aggregates|aws-sdk\/client-(s3|dynamodb|sqs))$/,
  },
  {
    layer: 'render',
    files: /^packages\/render\/src\//,
    may: /^(packages\/render\/src\/|@pik\/(schema|sdk\/investigator)$|@observablehq\/plot$|linkedom$|cli-table3$|picocolors$)/,
  },
  {
    layer: 'console, its files',
    files: /^packages\/console\/src\/[^/]+\.ts$/,
    may: /^(packages\/console\/src\/([^/]+|case\/[^/]+)\.ts$|esbuild$|node:path$)/,
  },
  {
    layer: 'console, its case files',
    files: /^packages\/console\/src\/case\//,
    may: /^(packages\/console\/src\/case\/|@pik\/schema$)/,
  },
  {
    layer: 'console, its pages',
    files: /^packages\/console\/src\/app\//,
    may: /^(packages\/console\/src\/(app|case)\/|@pik\/(schema(\/words)?|render\/format|sdk\/investigator)$|preact(-iso)?(\/|$)|@preact\/signals$|@tanstack\/query-core$)/,
  },
  {
    layer: 'cli',
    files: /^packages\/cli\/src\//,
    may: /^(packages\/cli\/(src\/|package\.json$)|@pik\/(schema|aggregates|sdk|taps|mcp|verifier|render|engine|console)|commander$|csv-parse$|hyparquet(-writer)?$|pg$|@aws-sdk\/client-sqs$|@duckdb\/node-api$|@bomb\.sh\/tab\/commander$|jiti$|cli-progress$|picocolors$|@hono\/node-server$|node:)/,
  },
];
