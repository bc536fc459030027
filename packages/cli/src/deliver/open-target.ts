import { KitError } from '@pik/schema';

import { loadModule } from '../load-module.ts';
import { createFileTarget } from './file-target.ts';
import { createHttpTarget } from './http-target.ts';
import { createSqsTarget } from './sqs-target.ts';
import type { Target } from './target.ts';

/**
 * Opens the target that a text names: an HTTP URL, `file:PATH`, `sqs:QUEUE-URL`, or `module:FILE`.
 *
 * @throws KitError `CONFIG_INVALID`, `REQUEST_INVALID`.
 */
export async function openTarget(text: string, secret: string | undefined): Promise<Target> {
  if (/^https?:\/\//.test(text)) return createHttpTarget({ url: text, secret });
  const [, kind, rest = ''] = /^(file|sqs|module):(.+)$/.exec(text) ?? [];
  if (kind === 'file') return createFileTarget(rest);
  if (kind === 'sqs') return createSqsTarget(rest);
  if (kind === 'module') return ownTarget(await loadModule(rest), rest);
  throw new KitError('REQUEST_INVALID', 'a target is an http address, file:PATH, sqs:QUEUE-URL or module:FILE');
}

function ownTarget(value: unknown, file: string): Target {
  const isTarget =
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    'send' in value &&
    typeof value.send === 'function';
  if (!isTarget) throw new KitError('CONFIG_INVALID', `the default export of ${file} is not a target`);
  return value as Target;
}
