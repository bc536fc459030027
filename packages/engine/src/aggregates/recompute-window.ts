import type { Aggregate } from '@pik/aggregates';
import { KitError, type Window } from '@pik/schema';
import type { VersionRow, WindowDone, WindowTarget } from '../ports/history-rows.ts';
import { aggregateOf, type Context, isUnsettled } from '../runtime/context.ts';
import { foldInto } from './fold-window.ts';
import { type InputSource, openInputs } from './input-source.ts';
import { type InputsFigures, InputsHash, inputsFigures } from './inputs-hash.ts';
import { ManifestWriter } from './manifest-store.ts';
import { versionFileKey, versionText } from './rules/version-view.ts';

/** Appends that other processors may win before this one gives up. */
const ATTEMPTS_MAX = 8;

/** The replay that asked for a recomputation, and its as-of time. */
export interface Trigger {
  readonly replay_id: string;
  readonly as_of_ms: number;
}

/**
 * Computes a window again from all of its inputs as of the time of the trigger, and appends a version if they or the
 * definition have changed. A version is never as of an older time than its predecessor, so a late or repeated message
 * cannot move a value backwards. Index rows alone show that nothing has changed.
 *
 * After a crash, repeat the whole call: manifests are content-addressed, and a version that was already appended is found
 * as the latest one, whose file is then written.
 *
 * @throws KitError `METRIC_UNKNOWN`, `WINDOW_TOO_LARGE`, `AGGREGATE_FAILED`, `RAW_MISSING`, `RAW_CORRUPT`, `VERSION_CONTENDED`.
 */
export async function recomputeWindow(context: Context, target: WindowTarget, trigger: Trigger): Promise<WindowDone> {
  const aggregate = aggregateOf(context, target.metric);
  const window = windowOf(aggregate, target);
  const computationId = context.newId();
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const latest = await context.backend.aggregates.getLatest(target);
    // An earlier delivery of this message may have died between its append and its file.
    if (latest?.replay_id === trigger.replay_id) await putVersionFile(context, latest);
    if (latest?.computation_id === computationId) return { result: 'APPENDED', version: latest.version };
    if (latest !== null && latest.as_of_ms > trigger.as_of_ms) return { result: 'SUPERSEDED', version: latest.version };
    // Evaluated before the inputs are read: an ingest that runs now and ends by then may be missing among them.
    const unsettled = isUnsettled(context, trigger.as_of_ms);
    const source = await openInputs(context, { aggregate, key: target.key, window, asOfMs: trigger.as_of_ms });
    if (isSame(latest, await inputsFigures(source), aggregate)) {
      if (latest !== null && latest.functions_hash !== aggregate.functions_hash) warnOfFunctions(context, aggregate);
      // A version from an earlier delivery of this replay counts as appended.
      const ours = latest?.replay_id === trigger.replay_id;
      return { result: ours ? 'APPENDED' : 'UNCHANGED', version: latest?.version ?? null };
    }
    const facts = { aggregate, target, window, trigger, latest, source, unsettled, computationId };
    const row = await nextVersion(context, facts);
    // After a later version exists, nothing writes the file of this one any more.
    if (latest !== null) await putVersionFile(context, latest);
    const stored = await context.backend.aggregates.append(row);
    if (stored.computation_id !== computationId) continue;
    await putVersionFile(context, stored);
    context.telemetry.count('AggregateVersionCount', 1);
    return { result: 'APPENDED', version: stored.version };
  }
  throw new KitError('VERSION_CONTENDED', `other processors appended a version first, ${ATTEMPTS_MAX} times`);
}

/** Returns the window that starts at the target's time. Throws `REQUEST_INVALID` if none does. */
export function windowOf(aggregate: Aggregate, { window_start_ms }: WindowTarget): Window {
  const window = aggregate.windows.at(window_start_ms);
  if (window.start_ms === window_start_ms) return window;
  const start = new Date(window.start_ms).toISOString();
  throw new KitError(
    'REQUEST_INVALID',
    `no window of ${aggregate.metric} starts at that time; the window that contains it starts at ${start}`,
    {
      path: '/window_start',
    },
  );
}

/** True if the latest version has these inputs under this definition, or if there is no version and no input. */
export function isSame(
  latest: VersionRow | null,
  { input_count, inputs_hash }: InputsFigures,
  { definition_hash }: Aggregate,
): boolean {
  if (latest === null) return input_count === 0;
  return latest.inputs_hash === inputs_hash && latest.definition_hash === definition_hash;
}

interface NextVersion {
  readonly aggregate: Aggregate;
  readonly target: WindowTarget;
  readonly window: Window;
  readonly trigger: Trigger;
  readonly latest: VersionRow | null;
  readonly source: InputSource;
  readonly unsettled: boolean;
  readonly computationId: string;
}

async function nextVersion(context: Context, next: NextVersion): Promise<VersionRow> {
  const { aggregate, target, window, trigger, latest, source, unsettled } = next;
  const named = { aggregate, key: target.key, window };
  // One read for all sinks: a second read could find another input. Other threads compress the manifest meanwhile; if no
  // version names it in the end, it is a harmless file.
  const started: ManifestWriter[] = [];
  const sinks = () => {
    const manifest = new ManifestWriter(context);
    started.push(manifest);
    return [new InputsHash(), manifest] as const;
  };
  // Wait for all writes before rethrowing: a Lambda function that returns is frozen in the middle of them.
  const folded = await foldInto(context, { named, source }, sinks).catch(async (error: unknown) => {
    await Promise.all(started.map((manifest) => manifest.ended()));
    throw error;
  });
  const [hash, manifest] = folded.sinks;
  const manifest_key = await manifest.finish();
  return {
    metric: target.metric,
    key: target.key,
    window_start_ms: window.start_ms,
    window_end_ms: window.end_ms,
    time_zone: aggregate.time_zone,
    time_zone_data: process.versions.tz ?? 'unknown',
    version: (latest?.version ?? 0) + 1,
    value_json: folded.value_json,
    ...hash.figures(),
    definition_version: aggregate.definition_version,
    definition_hash: aggregate.definition_hash,
    functions_hash: aggregate.functions_hash,
    manifest_key,
    as_of_ms: trigger.as_of_ms,
    unsettled,
    replay_id: trigger.replay_id,
    computed_ms: context.backend.clock.now(),
    computation_id: next.computationId,
  };
}

/** Writes the copy from which a lost table is restored. */
function putVersionFile(context: Context, row: VersionRow): Promise<void> {
  return context.backend.files.put(versionFileKey(row), Buffer.from(versionText(row)));
}

/** A bundler may have changed the text; only a higher `definition_version` makes a new version of an unchanged window. */
function warnOfFunctions(context: Context, { metric, definition_version }: Aggregate): void {
  context.telemetry.log('warn', 'aggregate_functions_changed', { metric, definition_version });
}
