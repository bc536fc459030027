import { monitorPipeline, replayPipeline } from '@pik/engine';
import { MONITOR_HANDLERS, REPLAY_HANDLERS } from '@pik/engine/http';
import { createHttpFunction, HTTP_SETTINGS, type HttpFunction } from './http-function.ts';
import { openKit, type Setup } from './kit.ts';

const SETTINGS = [...HTTP_SETTINGS, 'aggregatesTable', 'replaysTable', 'queueUrl', 'deadLetterQueueUrl'] as const;

/** The function behind the routes that send messages, read dead letters or mute monitors. Throws as `open` of ingest does. */
export async function open(setup: Setup): Promise<HttpFunction> {
  const kit = await openKit(setup, SETTINGS);
  const pipeline = { ...replayPipeline(kit.context), ...monitorPipeline(kit.context) };
  return createHttpFunction({ setup, kit, handlers: { ...REPLAY_HANDLERS, ...MONITOR_HANDLERS }, pipeline });
}
