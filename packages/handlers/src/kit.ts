import type { Aggregate } from '@pik/aggregates';
import type { Backend } from '@pik/engine';

import { type Context, createContext } from '@pik/engine';
import type { Doors, MaskDeclaration, Monitor, Sinks, VolatileDeclaration } from '@pik/schema';
import { readSettings, type SettingName, type Settings, type Variables } from './environment.ts';
import { createFunctionTelemetry, type FunctionTelemetry, type Invocation } from './telemetry.ts';

/** The setup of a function; tests use their own stores. */
export interface Setup {
  readonly variables: Variables;
  /** Opens the stores that the settings name. */
  readonly openBackend: (settings: Partial<Settings>) => Promise<Backend>;
  /** Reads the text of the secret with this ARN. Default: from Secrets Manager. */
  readonly readSecret?: (arn: string) => Promise<string>;
  /** The operator's metrics, in addition to the built-in one. */
  readonly aggregates?: readonly Aggregate[] | undefined;
  /** Members of payloads that are not content. */
  readonly volatile?: readonly VolatileDeclaration[] | undefined;
  /** Members of payloads that only callers with the scope `sensitive` see. */
  readonly mask?: readonly MaskDeclaration[] | undefined;
  /** How events in the forms of other products are read. */
  readonly doors?: Doors | undefined;
  /** For the watcher. */
  readonly monitors?: readonly Monitor[] | undefined;
  readonly sinks?: Sinks | undefined;
  /** The address that links in alerts begin with. */
  readonly publicUrl?: string | undefined;
}

/** The settings of every function. */
export const BASE_SETTINGS = ['service', 'bucket', 'indexTable', 'indexRetentionMs', 'settleMs'] as const;

/** The maximum number of events per call: with several metrics, their windows and messages are written within one request. */
const REPLAY_EVENTS_MAX = 2_000;

/** The parts of a started function. */
export interface Kit<N extends SettingName> {
  readonly settings: Settings<N | (typeof BASE_SETTINGS)[number]>;
  readonly context: Context;
  readonly telemetry: FunctionTelemetry;
}

/**
 * Checks the settings and opens the stores, once per cold start. It writes nothing, since the runtime may repeat a start.
 *
 * @throws KitError `CONFIG_INVALID` that names every invalid setting, or two metrics with the same name.
 */
export async function openKit<N extends SettingName>(setup: Setup, names: readonly N[]): Promise<Kit<N>> {
  const settings = readSettings(setup.variables, [...BASE_SETTINGS, ...names]);
  const telemetry = createFunctionTelemetry(settings);
  const { indexRetentionMs, settleMs } = settings;
  const backend = await setup.openBackend(settings as Partial<Settings>);
  const { aggregates = [], volatile = [], mask = [], doors } = setup;
  return {
    settings,
    telemetry,
    context: createContext({
      backend,
      telemetry,
      aggregates,
      volatile,
      mask,
      doors,
      indexRetentionMs,
      settleMs,
      replayEventsMax: REPLAY_EVENTS_MAX,
    }),
  };
}

/** Runs an invocation between its first log line and its metrics, which are written even if it fails. */
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
