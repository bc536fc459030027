import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTelemetry } from '@pik/engine';
import { METRICS } from '@pik/schema';
import { isInstalled, runProgram } from '@pik/testkit/fixtures/servers/server';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const DEPLOY = join(import.meta.dirname, '..');
const RULES = join(DEPLOY, 'prometheus/pik.rules.yml');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook_url: string };
}

const rules: readonly Rule[] = parse(readFileSync(RULES, 'utf8')).groups.flatMap(
  ({ rules: of }: { rules: Rule[] }) => of,
);
const dashboard: { panels: { title: string; targets: { expr: string }[] }[] } = JSON.parse(
  readFileSync(join(DEPLOY, 'grafana/pik.dashboard.json'), 'utf8'),
);
const drawn = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

/** The metrics of an expression: functions and labels of PromQL begin with small letters, ours with capitals. */
const metricsIn = (expr: string) => expr.replaceAll(/"[^"]*"/g, '').match(/\b[A-Z]\w+/g) ?? [];

/** The names of all samples that `/metrics` of a server has. */
async function sampleNames(): Promise<Set<string>> {
  const telemetry = createTelemetry({ write() {} });
  telemetry.accepted?.('shop');
  telemetry.observe('QuestionMs', [1], 'lag');
  telemetry.observe('LogPublishLagSeconds', [1], 'folder');
  const text = await telemetry.metricsText();
  return new Set([...text.matchAll(/^([A-Za-z]\w*)[{ ]/gm)].map(([, name = '']) => name));
}

describe('rules for Prometheus and the dashboard for Grafana', () => {
  it('name only metrics that /metrics has', async () => {
    const known = await sampleNames();
    const named = [...rules.map(({ expr }) => expr), ...drawn].flatMap(metricsIn);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it('the dashboard draws every metric', () => {
    const named = new Set(drawn.flatMap(metricsIn).map((name) => name.replace(/_bucket$/, '')));
    expect(Object.keys(METRICS).filter((name) => !named.has(name))).toEqual([]);
  });

  it('each rule has a severity, a sentence, and a section in the runbook', () => {
    const page = readFileSync(join(DEPLOY, '../docs/monitors.md'), 'utf8');
    const sections = new Set([...page.matchAll(/^### (\w+)$/gm)].map(([, name]) => name));
    expect(rules.map(({ alert }) => alert).filter((alert) => !sections.has(alert))).toEqual([]);
    for (const { alert, labels, annotations } of rules) {
      expect(['critical', 'warning']).toContain(labels.severity);
      expect(annotations.summary).toMatch(/^[A-Z].*\.$/);
      expect(annotations.runbook_url.endsWith(`/docs/monitors.md#${alert.toLowerCase()}`)).toBe(true);
    }
  });

  it.skipIf(!isInstalled('promtool'))(
    'promtool accepts the rules, and each rings when it should and not before',
    () => {
      expect(runProgram('promtool', ['check', 'rules', RULES])).toContain(`${rules.length} rules found`);
      const played = ['test', 'rules', join(DEPLOY, 'prometheus/pik.rules.test.yml')];
      expect(runProgram('promtool', played)).toContain('SUCCESS');
      const tested = readFileSync(join(DEPLOY, 'prometheus/pik.rules.test.yml'), 'utf8');
      expect(rules.map(({ alert }) => alert).filter((alert) => tested.split(alert).length !== 3)).toEqual([]);
    },
  );
});
