/** The CloudWatch namespace of the kit. */
export const METRIC_NAMESPACE = 'PipelineInvestigationKit';

/** Every metric of the kit, what it counts and in which unit; with `served`, one that only a served process counts. Dimensions are bounded; caller text is never one. */
export const METRICS = {
  IngestCount: { unit: 'Count', help: 'Records that ingest gave an answer, whatever their outcome.' },
  DuplicateCount: { unit: 'Count', help: 'Receipts that repeat an event.' },
  ConflictCount: { unit: 'Count', help: 'Receipts with the key of an event and another payload.' },
  RejectedCount: { unit: 'Count', help: 'Receipts that were kept but not understood.' },
  IngestLagMs: { unit: 'Milliseconds', help: 'Received time minus event time of first arrivals, signed.' },
  ReplayRequestedCount: { unit: 'Count', help: 'Replays that were asked for.' },
  ReplayMessageCount: { unit: 'Count', help: 'Messages that replays sent.' },
  ProcessorMessageCount: { unit: 'Count', help: 'Messages that the processor took.' },
  ProcessorErrorCount: { unit: 'Count', help: 'Messages that the processor failed on.' },
  AggregateVersionCount: { unit: 'Count', help: 'Aggregate versions that were appended.' },
  ClockStepCount: {
    unit: 'Count',
    served: true,
    help: "Steps of the server's own clock, and a start behind its latest receipt.",
  },
  LogLinesLostCount: {
    unit: 'Count',
    served: true,
    help: 'Log lines that nobody took: their reader hung or went away.',
  },
} as const satisfies Record<string, { unit: 'Count' | 'Milliseconds'; help: string; served?: true }>;

/** The name of a metric. */
export type MetricName = keyof typeof METRICS;
