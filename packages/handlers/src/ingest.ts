import { ingestPipeline } from '@pik/engine';
import { INGEST_HANDLERS } from '@pik/engine/http';
import { createHttpFunction, HTTP_SETTINGS, type HttpFunction } from './http-function.ts';
import { openKit, type Setup } from './kit.ts';

/** The function behind `POST /ingest` and `POST /import`. Throws as `openKit` and `createHttpFunction` do. */
export async function open(setup: Setup): Promise<HttpFunction> {
  const kit = await openKit(setup, HTTP_SETTINGS);
  return createHttpFunction({ setup, kit, handlers: INGEST_HANDLERS, pipeline: ingestPipeline(kit.context) });
}
