import { type App, type AppOptions, createAppOf } from './app.ts';
import { answerConsole } from './console.ts';
import { HANDLERS } from './handlers.ts';

/**
 * Makes the app over a pipeline, with the console.
 *
 * @example
 * import { createApp, createPipeline, silentTelemetry } from '@pik/engine';
 * import { openLocalBackend } from '@pik/engine/local';
 * import { createInvestigator } from '@pik/sdk/investigator';
 *
 * const pipeline = createPipeline({ backend: await openLocalBackend({ dir: '.pik' }) });
 * const { fetch } = createApp({ pipeline, telemetry: silentTelemetry });
 * const investigator = createInvestigator({ fetch });
 *
 * @throws KitError `CONFIG_INVALID` for keys that cannot be used.
 */
export function createApp(options: AppOptions): App {
  return createAppOf(HANDLERS, { pages: answerConsole, ...options });
}
