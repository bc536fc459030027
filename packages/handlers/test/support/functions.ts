import { createHash } from 'node:crypto';

import { type Aggregate, SCOPES, type Scope, type VolatileDeclaration } from '@pik/schema';

import type { Setup } from '../../src/lambda/kit.ts';
import type { Backend } from '../../src/ports/backend.ts';

/** The key that has exactly these scopes. */
export const keyOf = (scopes: readonly Scope[]) => `pik_${scopes.join('_')}`;

const hashOf = (key: string) => createHash('sha256').update(key).digest('hex');

/** Every variable of the template, with a value as it would have. */
export const VARIABLES = {
  POWERTOOLS_SERVICE_NAME: 'kit',
  PIK_BUCKET: 'kit-raw',
  PIK_INDEX_TABLE: 'kit-index',
  PIK_AGGREGATES_TABLE: 'kit-aggregates',
  PIK_REPLAYS_TABLE: 'kit-replays',
  PIK_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/123456789012/kit-replay',
  PIK_DEAD_LETTER_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/123456789012/kit-dead',
  PIK_RAW_RETENTION_DAYS: '400',
  PIK_SETTLE_MS: '50000',
  PIK_RETRY_DELAY_MS: '60000',
  PIK_AUTHENTICATION: 'API_KEYS',
  PIK_FIRST_KEY_SECRET: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:kit-AbCdEf',
  PIK_API_KEYS: SCOPES.map((scope) => `${scope}:${scope}:${hashOf(keyOf([scope]))}`).join(','),
};

/** What functions over this backend are opened with. */
export function setupOver(backend: Backend, options: SetupOptions = {}): Setup {
  const { aggregates, volatile, settleMs, retryDelayMs } = options;
  const settle = settleMs === undefined ? {} : { PIK_SETTLE_MS: String(settleMs) };
  const retry = retryDelayMs === undefined ? {} : { PIK_RETRY_DELAY_MS: String(retryDelayMs) };
  return {
    variables: { ...VARIABLES, ...settle, ...retry },
    openBackend: async () => backend,
    readSecret: async () => keyOf([...SCOPES]),
    ...(aggregates === undefined ? {} : { aggregates }),
    ...(volatile === undefined ? {} : { volatile }),
  };
}

/** What a test's functions do differently. */
export interface SetupOptions {
  readonly aggregates?: readonly Aggregate[];
  readonly volatile?: readonly VolatileDeclaration[];
  /** Default: as in the template. 0 where no other process ingests, and nobody wants to wait. */
  readonly settleMs?: number;
  /** Default: as in the template. */
  readonly retryDelayMs?: number;
}

/** Keeps the lines that functions write, which go to the process's own output. */
export function captureLines(): { lines(): Record<string, unknown>[]; stop(): void } {
  const streams = [process.stdout, process.stderr].map((stream) => ({ stream, write: stream.write }));
  let text = '';
  for (const { stream } of streams) {
    stream.write = ((chunk: string | Uint8Array) => {
      text += chunk.toString();
      return true;
    }) as typeof stream.write;
  }
  return {
    lines: () =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    stop: () => {
      for (const { stream, write } of streams) stream.write = write;
    },
  };
}
