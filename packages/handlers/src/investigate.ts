import { investigatePipeline } from '@pik/engine';
import { answerConsole, INVESTIGATE_HANDLERS } from '@pik/engine/http';
import { createHttpFunction, HTTP_SETTINGS, type HttpFunction } from './http-function.ts';
import { openKit, type Setup } from './kit.ts';

const SETTINGS = [...HTTP_SETTINGS, 'aggregatesTable', 'replaysTable'] as const;

/** The function behind every read-only route, the console and all unknown paths. Throws as `open` of ingest does. */
export async function open(setup: Setup): Promise<HttpFunction> {
  const kit = await openKit(setup, SETTINGS);
  const pipeline = investigatePipeline(kit.context);
  return createHttpFunction({ setup, kit, handlers: INVESTIGATE_HANDLERS, pipeline, pages: answerConsole });
}
