/** The CloudWatch namespace of the kit. */
export const METRIC_NAMESPACE = 'PipelineInvestigationKit';

/**
 * Every metric of the kit, with its meaning and unit; `served` marks metrics that only a served process counts. `label` names
 * the one label of a metric, with a bounded number of values. Buckets of milliseconds suit lags unless they are durations.
 */
export const METRICS = {
  IngestCount: { unit: 'Count', help: 'Records that ingest answered, with any outcome.' },
  DuplicateCount: { unit: 'Count', help: 'Receipts that repeat an event.' },
  ConflictCount: { unit: 'Count', help: 'Receipts with the key of an event and another payload.' },
  RejectedCount: { unit: 'Count', help: 'Receipts that were stored and rejected.' },
  IngestLagMs: { unit: 'Milliseconds', help: 'Received time minus event time of first arrivals, signed.' },
  ReplayRequestedCount: { unit: 'Count', help: 'Replays requested.' },
  ReplayMessageCount: { unit: 'Count', help: 'Messages that replays sent.' },
  ProcessorMessageCount: { unit: 'Count', help: 'Messages that the processor received.' },
  ProcessorErrorCount: { unit: 'Count', help: 'Messages that the processor failed to process.' },
  AggregateVersionCount: { unit: 'Count', help: 'Aggregate versions appended.' },
  AlertSentCount: { unit: 'Count', help: 'Messages about incidents that a sink has accepted.' },
  AlertErrorCount: { unit: 'Count', help: 'Attempts to send a message about an incident that failed.' },
  AuditLostCount: { unit: 'Count', served: true, help: 'Answers that the audit has no record of.' },
  SweepLagSeconds: {
    unit: 'Seconds',
    help: 'Time since the oldest pack that the last sweep left unadmitted was due; 0 if none is left.',
  },
  CompactLagSeconds: {
    unit: 'Seconds',
    served: true,
    help: 'Time from the first stored hour that the last compaction left open to the end of the hours that were due; 0 if none is left.',
  },
  LogPublishLagSeconds: {
    unit: 'Seconds',
    served: true,
    label: 'target',
    help: 'Time for which the newest checkpoint of the signed log has waited to be published, by target; 0 if it is.',
  },
  IngestParseMs: {
    unit: 'Milliseconds',
    served: true,
    buckets: 'duration',
    help: 'Time per request until its records are parsed and there is room for them.',
  },
  IngestStoreMs: {
    unit: 'Milliseconds',
    served: true,
    buckets: 'duration',
    help: 'Time per pack until it is durable in the raw log.',
  },
  IngestAdmitMs: {
    unit: 'Milliseconds',
    served: true,
    buckets: 'duration',
    help: 'Time per pack, once it and all packs before it are durable, until its outcomes are.',
  },
  QuestionMs: {
    unit: 'Milliseconds',
    served: true,
    buckets: 'duration',
    label: 'question',
    help: 'Time per question until its answer begins, by question.',
  },
  LastEventAgeSeconds: {
    unit: 'Seconds',
    served: true,
    label: 'source',
    help: 'Time since the last accepted event, by source: of the first 100 sources; at a start, of those of the latest days.',
  },
  ClockStepCount: {
    unit: 'Count',
    served: true,
    help: "Steps of the server's own clock, and starts behind its latest receipt.",
  },
  ReaderLostCount: {
    unit: 'Count',
    served: true,
    help: 'Threads for questions or for parsing that ended and were replaced.',
  },
  LogLinesLostCount: {
    unit: 'Count',
    served: true,
    help: 'Log lines lost because their reader hung or went away.',
  },
} as const satisfies Record<string, Metric>;

/** The declaration of a metric. */
export interface Metric {
  readonly unit: 'Count' | 'Milliseconds' | 'Seconds';
  readonly help: string;
  readonly served?: true | undefined;
  readonly buckets?: 'duration' | undefined;
  readonly label?: string | undefined;
}

/** The name of a metric. */
export type MetricName = keyof typeof METRICS;
