import { type App, type AppOptions, createAppOf } from './app.ts';
import { answerConsole } from './console.ts';
import { HANDLERS } from './handlers.ts';

/**
 * Makes the app over a pipeline, with the console.
 *
 * @throws KitError `CONFIG_INVALID` for keys that cannot be used.
 */
export function createApp(options: AppOptions): App {
  return createAppOf(HANDLERS, { pages: answerConsole, ...options });
}
