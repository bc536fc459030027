import { investigatePipeline } from '@pik/engine';
import { createSinks, watchOnce } from '@pik/engine/monitors';
import { checkMonitors, LIMITS } from '@pik/schema';
import { invoke, openKit, type Setup } from './kit.ts';
import type { Invocation } from './telemetry.ts';

/** The function that a schedule calls. */
export type WatcherFunction = (event: unknown, invocation: Invocation) => Promise<void>;

/** The minimum time left to begin a check or a message; the next run continues. */
const REMAINING_MS_MIN = LIMITS.question_aws_ms_max + LIMITS.alert_send_ms_max;

/**
 * The function that judges the monitors of the config, and sends alerts.
 *
 * @throws KitError as `openKit` does, and `CONFIG_INVALID` for a sink whose variable is missing.
 */
export async function open(setup: Setup): Promise<WatcherFunction> {
  const { monitors = [], sinks: declared = {}, publicUrl = null, variables } = setup;
  checkMonitors(monitors, declared);
  const sinks = createSinks(declared, { variables });
  const kit = await openKit(setup, ['replaysTable']);
  const pipeline = investigatePipeline(kit.context);
  const { backend, newId } = kit.context;
  const run = async (invocation: Invocation) => {
    await watchOnce({
      ...{ store: backend.monitors, monitors, sinks, consoleUrl: publicUrl, telemetry: kit.telemetry, newId },
      ask: (name, given) => pipeline.ask(name, given, { timeMs: LIMITS.question_aws_ms_max }),
      now: () => backend.clock.now(),
      isStopping: () => invocation.getRemainingTimeInMillis() < REMAINING_MS_MIN,
    });
  };
  return (_event, invocation) => invoke(kit, invocation, { run: () => run(invocation) });
}
