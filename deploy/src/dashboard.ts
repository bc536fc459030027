import { METRIC_NAMESPACE, type MetricName } from '@pik/schema';

import { placeholder } from './template.ts';

type Series = readonly unknown[];

const WIDTH = 12;
const HEIGHT = 6;

const kit = (metric: MetricName, options: object = {}): Series => [
  METRIC_NAMESPACE,
  metric,
  'service',
  placeholder('AWS::StackName'),
  options,
];
const queue = (metric: string, name: 'ReplayQueue' | 'DeadLetterQueue'): Series => [
  'AWS/SQS',
  metric,
  'QueueName',
  placeholder(`${name}.QueueName`),
  { stat: 'Maximum', label: name },
];
const api = (metric: string, options: object = {}): Series => [
  'AWS/ApiGateway',
  metric,
  'ApiId',
  placeholder('Api'),
  options,
];
const functions = (metric: string, options: object = {}): Series[] =>
  ['Ingest', 'Replay', 'Investigate', 'Processor', 'Sweeper', 'Watcher'].map((name) => [
    'AWS/Lambda',
    metric,
    'FunctionName',
    placeholder(`${name}Function`),
    options,
  ]);
const at = (stat: string) => ({ stat, label: stat });

/** The widgets: every metric of the kit, and AWS's metrics of the parts. */
const GRAPHS: readonly { title: string; stat?: string | undefined; metrics: readonly Series[] }[] = [
  {
    title: 'Records, by outcome',
    metrics: [kit('IngestCount'), kit('DuplicateCount'), kit('ConflictCount'), kit('RejectedCount')],
  },
  {
    title: 'Lag of first arrivals (ms)',
    metrics: [kit('IngestLagMs', at('p50')), kit('IngestLagMs', at('p95')), kit('IngestLagMs', at('p99'))],
  },
  { title: 'Replays', metrics: [kit('ReplayRequestedCount'), kit('ReplayMessageCount')] },
  {
    title: 'Processor',
    metrics: [kit('ProcessorMessageCount'), kit('ProcessorErrorCount'), kit('AggregateVersionCount')],
  },
  { title: 'Alerts', metrics: [kit('AlertSentCount'), kit('AlertErrorCount')] },
  {
    title: 'Messages waiting or dead',
    metrics: [
      queue('ApproximateNumberOfMessagesVisible', 'ReplayQueue'),
      queue('ApproximateNumberOfMessagesVisible', 'DeadLetterQueue'),
    ],
  },
  { title: 'Age of the oldest message (s)', metrics: [queue('ApproximateAgeOfOldestMessage', 'ReplayQueue')] },
  { title: 'Age of the oldest pack that waits to be admitted (s)', stat: 'Maximum', metrics: [kit('SweepLagSeconds')] },
  { title: 'API', metrics: [api('Count'), api('4xx'), api('5xx')] },
  { title: 'API latency (ms)', metrics: [api('Latency', at('p50')), api('Latency', at('p99'))] },
  { title: 'Function errors', metrics: functions('Errors') },
  { title: 'Function duration, p99 (ms)', stat: 'p99', metrics: functions('Duration') },
];

/** The body of the dashboard, with CloudFormation placeholders. */
export function dashboardBody() {
  return {
    widgets: GRAPHS.map(({ title, metrics, stat = 'Sum' }, i) => ({
      type: 'metric',
      x: (i % 2) * WIDTH,
      y: Math.floor(i / 2) * HEIGHT,
      width: WIDTH,
      height: HEIGHT,
      properties: { title, metrics, stat, period: 300, region: placeholder('AWS::Region'), view: 'timeSeries' },
    })),
  };
}
