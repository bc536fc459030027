import type { Aggregate } from '@pik/aggregates';
import type { Backend } from '@pik/engine';

import { type Context, createContext } from '@pik/engine';
import type { VolatileDeclaration } from '@pik/schema';
import { readSettings, type SettingName, type Settings, type Variables } from './environment.ts';
import { createFunctionTelemetry, type FunctionTelemetry, type Invocation } from './telemetry.ts';

/** What a function is opened with; tests bring stores of their own. */
export interface Setup {
  readonly variables: Variables;
  /** Opens the stores that the settings name. */
  readonly openBackend: (settings: Partial<Settings>) => Promise<Backend>;
  /** The text of the secret with this ARN. Default: as Secrets Manager has it. */
  readonly readSecret?: (arn: string) => Promise<string>;
  /** The operator's metrics, beside the built-in one. */
  readonly aggregates?: readonly Aggregate[];
  /** Members of payloads that are not content. */
  readonly volatile?: readonly VolatileDeclaration[] | undefined;
}

/** Settings that every function has. */
export const BASE_SETTINGS = ['service', 'bucket', 'indexTable', 'indexRetentionMs', 'settleMs'] as const;

/** Their windows, at one write each, and their messages fit into a request of the API, with several metrics too. */
const REPLAY_EVENTS_MAX = 2_000;

/** What a function is composed of, once it has started. */
export interface Kit<N extends SettingName> {
  readonly settings: Settings<N | (typeof BASE_SETTINGS)[number]>;
  readonly context: Context;
  readonly telemetry: FunctionTelemetry;
}

/**
 * Checks the settings and opens the stores, once per cold start. Nothing is written: the runtime may begin a start again.
 *
 * @throws KitError `CONFIG_INVALID` that names every setting at fault, two metrics of one name among them.
 */
export async function openKit<N extends SettingName>(setup: Setup, names: readonly N[]): Promise<Kit<N>> {
  const settings = readSettings(setup.variables, [...BASE_SETTINGS, ...names]);
  const telemetry = createFunctionTelemetry(settings);
  const { indexRetentionMs, settleMs } = settings;
  const backend = await setup.openBackend(settings as Partial<Settings>);
  const { aggregates = [], volatile = [] } = setup;
  return {
    settings,
    telemetry,
    context: createContext({
      backend,
      telemetry,
      aggregates,
      volatile,
      indexRetentionMs,
      settleMs,
      replayEventsMax: REPLAY_EVENTS_MAX,
    }),
  };
}

/** Runs an invocation between its first log line and its metrics, which go out however it ends. */
export async function invoke<T>(
  { telemetry }: { readonly telemetry: FunctionTelemetry },
  invocation: Invocation,
  options: { readonly fields?: Readonly<Record<string, unknown>>; readonly run: () => Promise<T> },
): Promise<T> {
  telemetry.begin(invocation, options.fields ?? {});
  try {
    return await options.run();
  } catch (error) {
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
    telemetry.log('error', 'invocation_failed', { error: { name, message, stack } });
    throw error;
  } finally {
    telemetry.flush();
  }
}
