import type {
  EventRow,
  FailureRow,
  IncidentRow,
  MonitorRow,
  PackRow,
  ReplayRequestRow,
  RequestRows,
  SliceRow,
  VersionRow,
} from '@pik/engine';
import type { Alert } from '@pik/engine/monitors';
import { deriveIdentity, flagBit, formatInstant, type IdentityRule, type Instant, sha256Hex } from '@pik/schema';

/** The fields of an event row that a test sets; the others are made up. */
export interface EventSeed {
  readonly entity?: string;
  readonly source?: string;
  readonly event_type?: string;
  readonly rule?: IdentityRule;
  readonly key?: string;
  readonly payload?: string;
  readonly event_ms?: number;
  readonly event_sub_ns?: number;
  readonly received_ms?: number;
  readonly expires_ms?: number;
  readonly line?: number;
  readonly seq?: number;
  /** Makes the row that of an import. */
  readonly rank?: string;
}

const PRODUCER = '01890a5d-ac96-774b-bcce-b302099a8057';

/** A row like ingest would create, with a derived identity. */
export function makeEventRow(packId: string, seed: EventSeed = {}): EventRow {
  const { event_ms = Date.UTC(2025, 11, 28), event_sub_ns = 0, rule = 'content' } = seed;
  const event_time: Instant = {
    utc: formatInstant(event_ms, event_sub_ns),
    epoch_ms: event_ms,
    sub_ms_ns: event_sub_ns,
    leap_second: false,
  };
  const { source = 'source', event_type = 'type', entity = 'entity', key = 'key', seq = 1 } = seed;
  const payload_hash = sha256Hex(seed.payload ?? 'payload');
  const identity = deriveIdentity({
    source,
    event_type,
    entity_id: entity,
    event_time,
    payload_hash,
    idempotency_key: rule === 'key' ? key : undefined,
    producer: { id: PRODUCER, seq },
    identity: rule === 'occurrence' ? 'occurrence' : undefined,
  });
  return {
    ...identity,
    pack_id: packId,
    line: seed.line ?? 0,
    source,
    event_type,
    entity_id: entity,
    idempotency_key: rule === 'key' ? key : null,
    producer_id: PRODUCER,
    producer_seq: seq,
    event_ms,
    event_sub_ns,
    received_ms: seed.received_ms ?? event_ms + 1_000,
    sent_ms: null,
    payload_hash,
    flags: seed.rank === undefined ? 0 : flagBit('IMPORTED'),
    expires_ms: seed.expires_ms ?? Number.POSITIVE_INFINITY,
    rank: seed.rank ?? null,
    live: seed.rank === undefined,
    answered: 'ACCEPTED',
  };
}

/** The rows of a request that has only events. */
export function makeRequestRows(rows: Partial<RequestRows> = {}): RequestRows {
  return { deliveries: [], failures: [], slices: [], sequences: [], pack: null, ...rows };
}

/** A PACK row. */
export function makePackRow(packId: string, rest: Partial<PackRow> = {}): PackRow {
  return {
    pack_id: packId,
    sha256: sha256Hex(packId),
    bytes: 100,
    outcomes: 'A',
    requests: [{ request_id: packId, principal: null, lines: 1 }],
    imported: false,
    received_min_ms: 0,
    received_max_ms: 0,
    expires_ms: Number.POSITIVE_INFINITY,
    ...rest,
  };
}

/** A FAILURE row. */
export function makeFailureRow(packId: string, rest: Partial<FailureRow> = {}): FailureRow {
  return {
    pack_id: packId,
    line: 0,
    kind: 'REJECT',
    stage: 'admit',
    code: 'JSON_SYNTAX',
    path: null,
    detail: 'not JSON',
    source: null,
    event_type: null,
    event_id: null,
    entity_hash: null,
    window: null,
    received_ms: 0,
    expires_ms: Number.POSITIVE_INFINITY,
    payload_hash: null,
    ...rest,
  };
}

/** A SLICE row with made-up contents. */
export function makeSliceRow(packId: string, rest: Partial<SliceRow> = {}): SliceRow {
  return {
    pack_id: packId,
    source: 'source',
    event_type: 'type',
    event_day: 20_000,
    received_min_ms: 1,
    received_max_ms: 2,
    imported: false,
    accepted: 1,
    duplicates: 2,
    conflicts: 3,
    lag: Uint8Array.of(1, 0),
    delay: Uint8Array.of(1, 0),
    entries: Uint8Array.of(1, 2, 3),
    expires_ms: Number.POSITIVE_INFINITY,
    ...rest,
  };
}

/** A VERSION row of made-up figures; its computation is unique unless `rest` sets one. */
export function makeVersionRow(rest: Partial<VersionRow> = {}): VersionRow {
  const { version = 1, window_start_ms = Date.UTC(2025, 11, 28) } = rest;
  return {
    metric: 'metric',
    key: 'key',
    window_start_ms,
    window_end_ms: window_start_ms + 86_400_000,
    time_zone: 'UTC',
    time_zone_data: '2026a',
    version,
    value_json: String(version),
    input_count: version,
    inputs_hash: sha256Hex(`inputs ${version}`),
    definition_version: 1,
    definition_hash: sha256Hex('definition'),
    functions_hash: sha256Hex('functions'),
    manifest_key: 'manifests/v1/ab/abc.ndjson.gz',
    as_of_ms: Date.UTC(2025, 11, 29) + version,
    unsettled: false,
    replay_id: '01890a5d-ac96-774b-bcce-b302099a8057',
    computed_ms: Date.UTC(2025, 11, 29) + version,
    computation_id: `computation of ${version}`,
    ...rest,
  };
}

/** The request of a replay of all events of a day. */
export function makeReplayRow(replayId: string, rest: Partial<ReplayRequestRow> = {}): ReplayRequestRow {
  return {
    replay_id: replayId,
    requested_ms: Date.UTC(2025, 11, 29),
    requested_by: null,
    request_id: '01890a5d-ac96-774b-bcce-b302099a8057',
    reason: null,
    selection: {
      entity_id: null,
      source: null,
      event_type: null,
      event_ids: null,
      start_time: '2025-12-28T00:00:00.000000000Z',
      end_time: '2025-12-29T00:00:00.000000000Z',
      received_from: null,
      received_to: null,
      metrics: null,
      include_duplicates: false,
    },
    as_of_ms: Date.UTC(2025, 11, 29),
    limit: 10_000,
    ...rest,
  };
}

/** A monitor that was never checked. */
export function makeMonitorRow(name: string, rest: Partial<MonitorRow> = {}): MonitorRow {
  return {
    name,
    revision: 1,
    kind: 'lag',
    severity: 'warning',
    watches: 'the lag of each source and type',
    checked_ms: null,
    fault: null,
    is_retired: false,
    muted: null,
    incidents: [],
    left_out: 0,
    ...rest,
  };
}

/** An incident that fires, and of which no sink has heard. */
export function makeIncidentRow(incidentId: string, rest: Partial<IncidentRow> = {}): IncidentRow {
  return {
    incident_id: incidentId,
    monitor: 'm',
    kind: 'lag',
    severity: 'warning',
    state: 'FIRING',
    subject: 'shop order',
    group: { source: 'shop', event_type: 'order' },
    sentence: 'shop order: 95 of 100 events arrive within 3 h.',
    since: null,
    seen_ms: Date.UTC(2026, 0, 1),
    clear_ms: null,
    fired_ms: Date.UTC(2026, 0, 1),
    resolved_ms: null,
    is_due: true,
    command: 'pik lag --source shop --type order',
    link: null,
    runbook: 'https://example.com/runbook',
    sent: [{ sink: 'ops', notified: 'NONE', tries: 0, next_ms: 0, fault: null }],
    ...rest,
  };
}

/** The message that an incident fires. */
export function makeAlert(rest: Partial<Alert> = {}): Alert {
  const key = rest.key ?? '01890a5d-ac96-774b-bcce-b302099a8057';
  const state = rest.state ?? 'FIRING';
  return {
    key,
    message_id: `${key}.${state.toLowerCase()}`,
    state,
    monitor: 'orders-slow',
    kind: 'lag',
    severity: 'critical',
    group: { source: 'shop', event_type: 'order' },
    sentence: 'shop order: 95 of 100 events arrive within 3 h.',
    since: null,
    fired_at: '2026-01-01T00:00:00.000000000Z',
    resolved_at: state === 'RESOLVED' ? '2026-01-01T01:00:00.000000000Z' : null,
    link: 'https://kit.example/ui/lag?source=shop&as_of=2026-01-01T00%3A00%3A00Z',
    command: "pik lag --source shop --type 'the order'",
    runbook: 'https://kit.example/runbook#lag',
    ...rest,
  };
}
