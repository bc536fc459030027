/** The CloudWatch namespace of the kit. */
export const METRIC_NAMESPACE = 'PipelineInvestigationKit';

/**
 * Every metric of the kit, with its meaning and unit; `served` marks metrics that only a served process counts.
 * Dimensions are bounded and never contain caller text.
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
  SweepLagSeconds: {
    unit: 'Seconds',
    help: 'Time since the oldest pack that the last sweep left unadmitted was due; 0 if none is left.',
  },
  ClockStepCount: {
    unit: 'Count',
    served: true,
    help: "Steps of the server's own clock, and starts behind its latest receipt.",
  },
  ReaderLostCount: {
    unit: 'Count',
    served: true,
    help: 'Threads for questions that ended and were replaced.',
  },
  LogLinesLostCount: {
    unit: 'Count',
    served: true,
    help: 'Log lines lost because their reader hung or went away.',
  },
} as const satisfies Record<
  string,
  { unit: 'Count' | 'Milliseconds' | 'Seconds'; help: string; served?: true | undefined }
>;

/** The name of a metric. */
export type MetricName = keyof typeof METRICS;
