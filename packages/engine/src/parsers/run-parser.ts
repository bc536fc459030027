import { parentPort, workerData } from 'node:worker_threads';

import { checkDoors, KitError, volatileRules } from '@pik/schema';

import { createLightParser, type LightRequest } from '../ingest/parse-request.ts';
import { mappingSettings } from '../ingest/rules/arrivals.ts';
import type { ParseOrder } from '../ingest/rules/parsed-request.ts';
import { toErrorMessage } from '../threads/error-message.ts';
import type { FromParser, ParserSetup, ToParser } from './messages.ts';

/** Options of a parsing thread. */
export interface RunParserOptions {
  /** Called with each request before it is parsed, for tests. */
  readonly onOrder?: ((order: ParseOrder) => void) | undefined;
}

/** Runs this thread as a parser of requests until the process stops it. Call it in the module of `openParsers`. */
export function runParser({ onOrder = () => {} }: RunParserOptions = {}): void {
  const port = parentPort;
  if (port === null) throw new KitError('INTERNAL', 'a parser needs a thread of its own');
  const { volatile, doors } = workerData as ParserSetup;
  const parse = createLightParser({
    volatileOf: volatileRules(volatile),
    mappings: mappingSettings(checkDoors(doors)),
  });
  const post = (message: FromParser, transfer: readonly ArrayBuffer[] = []) => port.postMessage(message, transfer);
  port.on('message', (message: ToParser) => {
    if (message.type === 'stop') return port.close();
    const { id, order } = message;
    try {
      onOrder(order);
      const request = parse(order);
      post({ type: 'parsed', id, request }, memoryOf(request));
    } catch (error) {
      post({ type: 'failed', id, error: toErrorMessage(error) });
    }
  });
  post({ type: 'ready' });
}

/** The memory that changes hands instead of being copied. */
function memoryOf({ columns, lines }: LightRequest): ArrayBuffer[] {
  return [columns.integers.buffer, columns.numbers.buffer, lines.places.buffer, lines.bytes.buffer];
}
