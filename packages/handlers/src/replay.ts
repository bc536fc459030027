import { replayPipeline } from '@pik/engine';
import { REPLAY_HANDLERS } from '@pik/engine/http';
import { createHttpFunction, HTTP_SETTINGS, type HttpFunction } from './http-function.ts';
import { openKit, type Setup } from './kit.ts';

const SETTINGS = [...HTTP_SETTINGS, 'aggregatesTable', 'replaysTable', 'queueUrl', 'deadLetterQueueUrl'] as const;

/** The function behind the routes that send messages or read dead letters. Throws as `open` of ingest does. */
export async function open(setup: Setup): Promise<HttpFunction> {
  const kit = await openKit(setup, SETTINGS);
  return createHttpFunction({ setup, kit, handlers: REPLAY_HANDLERS, pipeline: replayPipeline(kit.context) });
}
