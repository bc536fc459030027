import { type AggregateVersion, formatEpochMs, sha256Hex } from '@pik/schema';

import type { VersionRow, WindowTarget } from '../../ports/history-rows.ts';

/** A VERSION row as investigators see it. */
export function versionView(row: VersionRow): AggregateVersion {
  return {
    metric: row.metric,
    key: row.key,
    window_start: formatEpochMs(row.window_start_ms),
    window_end: formatEpochMs(row.window_end_ms),
    time_zone: row.time_zone,
    time_zone_data: row.time_zone_data,
    version: row.version,
    previous_version: row.version === 1 ? null : row.version - 1,
    value: JSON.parse(row.value_json),
    input_count: row.input_count,
    inputs_hash: row.inputs_hash,
    definition_version: row.definition_version,
    definition_hash: row.definition_hash,
    manifest_key: row.manifest_key,
    as_of: formatEpochMs(row.as_of_ms),
    unsettled: row.unsettled,
    trigger: { kind: 'replay', replay_id: row.replay_id },
    computed_at: formatEpochMs(row.computed_ms),
  };
}

/** Key prefix of the files of versions. */
export const VERSION_PREFIX = 'manifests/v1/versions/';

/**
 * The key of a version's file. The aggregate's key is hashed, so that no caller's text is part of a file name. There are at
 * most 256 folders per metric, since each new folder costs a sync.
 */
export function versionFileKey({ metric, key, window_start_ms, version }: WindowTarget & { version: number }): string {
  const whose = sha256Hex(key).slice(0, 32);
  return `${VERSION_PREFIX}${metric}/${whose.slice(0, 2)}/${whose}.${window_start_ms}.${version}.json`;
}

const FIELDS = [
  'metric',
  'key',
  'window_start_ms',
  'window_end_ms',
  'time_zone',
  'time_zone_data',
  'version',
  'value_json',
  'input_count',
  'inputs_hash',
  'definition_version',
  'definition_hash',
  'functions_hash',
  'manifest_key',
  'as_of_ms',
  'unsettled',
  'replay_id',
  'computed_ms',
  'computation_id',
] as const satisfies readonly (keyof VersionRow)[];

/** The text of a version's file: equal rows give equal texts. */
export function versionText(row: VersionRow): string {
  return `${JSON.stringify(Object.fromEntries(FIELDS.map((name) => [name, row[name]])))}\n`;
}

/** Parses the text of a version's file; null if it is malformed. */
export function parseVersionText(text: string): VersionRow | null {
  try {
    const row = JSON.parse(text) as VersionRow;
    return FIELDS.every((name) => row[name] !== undefined) ? row : null;
  } catch {
    return null;
  }
}
