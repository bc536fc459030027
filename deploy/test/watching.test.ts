import { METRIC_NAMESPACE, METRICS } from '@pik/schema';
import { describe, expect, it } from 'vitest';

import type { Value } from '../src/template.ts';
import { deploy, FUNCTIONS, ofType } from './support/cloud.ts';

// X6, D63, D65: alarms, dashboard and logs of the template, about metrics that exist.

const resources = deploy();
const propertiesOf = (id: string, of = resources): Record<string, Value> => of[id]?.Properties ?? {};

describe('monitoring', () => {
  const AWS_METRICS: Readonly<Record<string, readonly string[]>> = {
    'AWS/Lambda': ['Errors', 'Duration'],
    'AWS/SQS': ['ApproximateNumberOfMessagesVisible', 'ApproximateAgeOfOldestMessage'],
    'AWS/ApiGateway': ['Count', '4xx', '5xx', 'Latency'],
  };
  const known = (namespace: string, metric: string) =>
    namespace === METRIC_NAMESPACE ? metric in METRICS : (AWS_METRICS[namespace] ?? []).includes(metric);
  const alarms = ofType(resources, 'AWS::CloudWatch::Alarm');
  const metricsOf = ({ Namespace, MetricName, Dimensions, Metrics }: Value): Value[] =>
    Metrics === undefined
      ? [{ Namespace, MetricName, Dimensions }]
      : Metrics.flatMap(({ MetricStat }: Value) => MetricStat?.Metric ?? []);

  it('D65: every alarm is about a metric that exists', () => {
    const wrong = alarms.flatMap(([id, { Properties }]) =>
      metricsOf(Properties)
        .filter(({ Namespace, MetricName }) => !known(Namespace, MetricName))
        .map(() => id),
    );
    expect(wrong).toEqual([]);
    expect(alarms.flatMap(([, { Properties }]) => metricsOf(Properties)).length).toBeGreaterThan(6);
  });

  it('X6: errors, dead letters, lag and silence raise an alarm, each where there is something to look at', () => {
    const about = (metric: string) =>
      alarms.find(([, { Properties }]) => metricsOf(Properties).some(({ MetricName }) => MetricName === metric))?.[1]
        .Properties;
    expect(
      metricsOf(about('Errors'))
        .map(({ Dimensions }) => Dimensions[0].Value)
        .sort(),
    ).toEqual(FUNCTIONS.map((name) => `${name}Function`).sort());
    expect(about('ApproximateNumberOfMessagesVisible')?.Dimensions).toEqual([
      { Name: 'QueueName', Value: 'DeadLetterQueue.QueueName' },
    ]);
    expect(about('SweepLagSeconds')).toMatchObject({ Statistic: 'Maximum', Threshold: 1_800 });
    expect(about('IngestLagMs')).toMatchObject({ ExtendedStatistic: 'p99', Threshold: 21_600_000 });
    expect(about('IngestCount')).toMatchObject({
      ComparisonOperator: 'LessThanThreshold',
      Threshold: 1,
      TreatMissingData: 'breaching',
      Period: 3600,
      EvaluationPeriods: 3,
    });
  });

  it('D50: a metric of the kit has one dimension, the service, as the functions write it', () => {
    for (const [, { Properties }] of alarms)
      for (const { Namespace, Dimensions } of metricsOf(Properties))
        if (Namespace === METRIC_NAMESPACE) expect(Dimensions).toEqual([{ Name: 'service', Value: 'kit' }]);
    for (const name of FUNCTIONS)
      expect(propertiesOf(`${name}Function`).Environment.Variables.POWERTOOLS_SERVICE_NAME).toBe('kit');
  });

  it('alarms notify a topic if there is one', () => {
    const topic = 'arn:aws:sns:eu-central-1:123456789012:alarms';
    for (const [id] of alarms) {
      expect(propertiesOf(id).AlarmActions).toBeUndefined();
      expect(propertiesOf(id, deploy({ AlarmTopicArn: topic })).AlarmActions).toEqual([topic]);
    }
  });

  it('the dashboard shows every metric of the kit, and none that does not exist', () => {
    const { widgets } = JSON.parse(propertiesOf('Dashboard').DashboardBody) as { widgets: Value[] };
    const drawn: [string, string][] = widgets.flatMap(({ properties }) =>
      properties.metrics.map(([namespace, metric]: [string, string]) => [namespace, metric]),
    );
    expect(drawn.filter(([namespace, metric]) => !known(namespace, metric))).toEqual([]);
    const own = drawn.filter(([namespace]) => namespace === METRIC_NAMESPACE).map(([, metric]) => metric);
    const counted = Object.entries(METRICS).filter(([, metric]) => !('served' in metric));
    expect([...new Set(own)].sort()).toEqual(counted.map(([name]) => name).sort());
  });

  it('D63: every log has a retention, by parameter', () => {
    const logs = ofType(deploy({ LogRetentionDays: 90 }), 'AWS::Logs::LogGroup');
    expect(logs.map(([id, { Properties }]) => [id, Properties.RetentionInDays])).toEqual(logs.map(([id]) => [id, 90]));
    expect(logs).toHaveLength(FUNCTIONS.length + 1);
  });
});
