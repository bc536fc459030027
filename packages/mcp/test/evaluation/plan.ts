// The fixed plan that stands in for a model: the order of the skill `investigate-an-incident`, and a rule for each answer.
import type { Client } from '@modelcontextprotocol/client';
import type { DeclaredName, ReportOf, SelectionOf } from '@pik/schema';

import { toolName } from '../../src/question-tools.ts';

import { callTool } from '../mcp-world.ts';
import type { Symptom } from './incidents.ts';

/** Address of evidence in an answer. */
export type Evidence = { readonly event_id: string } | { readonly pack_id: string; readonly line: number };

/** A conclusion from answers alone. */
export interface Conclusion {
  readonly cause: string;
  readonly evidence: readonly Evidence[];
  readonly calls: number;
  readonly chars: number;
}

/** Calls the tool of a question. */
type Call = <N extends DeclaredName>(question: N, given: SelectionOf<N>) => Promise<ReportOf<N>>;

type Found = Omit<Conclusion, 'calls' | 'chars'> | null;
type Step = (call: Call, symptom: Symptom) => Promise<Found>;

const range = ({ source, since, until }: Symptom) => ({ source, start_time: since, end_time: until });
const ids = (items: readonly { readonly event_id: string | null }[]): Evidence[] =>
  items.flatMap(({ event_id }) => (event_id === null ? [] : [{ event_id }]));
const places = (items: readonly { readonly pack_id: string; readonly line: number }[]): Evidence[] =>
  items.map(({ pack_id, line }) => ({ pack_id, line }));

const byValue: Step = async (call, { value }) => {
  if (value === undefined) return null;
  const { events, units } = await call('explainChange', { ...value, from: 1, to: 2 });
  const cause = (units?.counts.CAME ?? 0) > 0 ? 'VALUE_LATE' : 'VALUE_CORRECTED';
  return { cause, evidence: ids(events.filter(({ side }) => side === 'CAME')) };
};

const byFailures: Step = async (call, symptom) => {
  const { groups } = await call('failures', range(symptom));
  const [worst] = groups.filter(({ share_low, code }) => share_low > 0.05 || code === 'JSON_SYNTAX');
  if (worst === undefined || worst.count < 5) return null;
  if (worst.kind === 'CONFLICT') return { cause: 'KEY_REUSED', evidence: ids(worst.samples) };
  return { cause: `REJECTED_${worst.code}`, evidence: places(worst.samples) };
};

/** Broken JSON does not say whose it is: those receipts are found without the source. */
const byBrokenText: Step = async (call, { since, until }) => {
  const { groups } = await call('failures', { start_time: since, end_time: until });
  const [broken] = groups.filter(({ code, count }) => code === 'JSON_SYNTAX' && count > 8);
  if (broken === undefined) return null;
  return { cause: 'REJECTED_JSON_SYNTAX', evidence: places(broken.samples) };
};

const byRepeats: Step = async (call, symptom) => {
  const { total, worst } = await call('duplicates', { ...range(symptom), basis: 'received' });
  if (total === null || total.duplicates < 20) return null;
  return { cause: 'RETRY_STORM', evidence: ids(worst) };
};

/** The last stored events of the source in the range. */
const latest = async (call: Call, symptom: Symptom): Promise<Evidence[]> => {
  const { source, ...times } = range(symptom);
  const { matches } = await call('find', { ...times, where: `source = ${source}`, limit: 5 });
  return ids(matches);
};

const byShape: Step = async (call, symptom) => {
  const { series } = await call('schema', {
    source: symptom.source,
    end_time: symptom.until,
    drift_from: symptom.since,
  });
  const gone = series[0]?.drift.find(({ kind }) => kind === 'GONE' || kind === 'RARER');
  if (gone === undefined) return null;
  return { cause: 'PAYLOAD_CHANGED', evidence: await latest(call, symptom) };
};

const byLag: Step = async (call, symptom) => {
  const { groups, worst } = await call('lag', { ...range(symptom), basis: 'received' });
  const [group] = groups;
  if (group === undefined) return null;
  if (group.findings.some(({ code }) => code === 'CLOCK_AHEAD'))
    return { cause: 'CLOCK_AHEAD', evidence: await latest(call, symptom) };
  return group.figures.late_count > 5 ? { cause: 'LATE_ARRIVALS', evidence: ids(worst) } : null;
};

const bySilence: Step = async (call, { source, until }) => {
  const { series } = await call('gaps', { source, end_time: until });
  if (series[0]?.silence?.longer_than_chance !== true) return null;
  const { matches } = await call('find', { where: `source = ${source}`, end_time: until, limit: 1 });
  return { cause: 'SILENT_SOURCE', evidence: ids(matches) };
};

const STEPS: readonly Step[] = [byValue, byFailures, byRepeats, byShape, byLag, bySilence, byBrokenText];

/** Plays the plan: the first step that concludes ends it. */
export async function playPlan(client: Client, symptom: Symptom): Promise<Conclusion> {
  let calls = 0;
  let chars = 0;
  const call: Call = async (question, given) => {
    const answer = await callTool(client, toolName(question), { ...given });
    if (answer.isError) throw new Error(`${question}: ${answer.text}`);
    if (answer.outside.includes('Ignore all rules'))
      throw new Error(`${question} shows stored text outside of the marks`);
    calls++;
    chars += answer.text.length;
    return answer.data;
  };
  for (const step of STEPS) {
    const found = await step(call, symptom);
    if (found !== null) return { ...found, calls, chars };
  }
  return { cause: 'UNKNOWN', evidence: [], calls, chars };
}
