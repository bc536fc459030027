import { shortTime, tableText } from '@pik/render';
import { counted, durationText, type Incident, KitError, type MonitorView } from '@pik/schema';

import { type GlobalOptions, investigator, print } from '../session.ts';
import { durationMs } from '../times.ts';

/** Options of `pik monitors`. */
export interface MonitorsOptions extends GlobalOptions {
  /** Lists so many incidents that have ended, the latest first. */
  readonly ended?: string | boolean | undefined;
}

/** Options of `pik monitors mute`. */
export interface MuteOptions extends GlobalOptions {
  readonly for: string;
  readonly reason?: string | undefined;
}

const ENDED_DEFAULT = 50;

/** Lists the monitors and their open incidents. True if nothing fires, and every monitor could be judged. */
export async function monitors(options: MonitorsOptions): Promise<boolean> {
  if (options.ended !== undefined && options.ended !== false) return listEnded(options);
  const answer = await investigator(options).ask('monitors', {});
  print(options, answer, () => monitorsText(answer.monitors));
  return answer.monitors.every(({ state }) => state === 'OK' || state === 'RETIRED');
}

async function listEnded(options: MonitorsOptions): Promise<boolean> {
  const limit = options.ended === true ? ENDED_DEFAULT : Number(options.ended);
  const { incidents } = await investigator(options).ask('incidents', { limit });
  print(options, incidents, () => {
    if (incidents.length === 0) return 'No incident has ended.';
    return tableText(['fired', 'lasted', 'monitor', 'what'], incidents.map(endedRow));
  });
  return true;
}

function endedRow({ fired_at, resolved_at, seen_at, monitor, sentence }: Incident) {
  const fired = fired_at ?? seen_at;
  const lasted = resolved_at === null ? '' : durationText(Date.parse(resolved_at) - Date.parse(fired));
  return [shortTime(fired), lasted, monitor, sentence];
}

function monitorsText(list: readonly MonitorView[]): string {
  if (list.length === 0) return 'The server has no monitors: declare them in pik.config.ts (docs/monitors.md).';
  const rows = list.map(({ name, state, watches, checked_at, muted }) => {
    const until = muted === null ? '' : `until ${shortTime(muted.until)}`;
    return [name, state, checked_at === null ? '' : shortTime(checked_at), until, watches];
  });
  const lines = [tableText(['monitor', 'state', 'judged', 'muted', 'fires when'], rows)];
  for (const { name, fault, incidents, left_out } of list) {
    if (fault !== null) lines.push(`${name} could not be judged: ${fault}`);
    for (const incident of incidents) for (const line of ['', ...incidentLines(incident)]) lines.push(line);
    if (left_out > 0) lines.push(`${name}: ${counted(left_out, 'condition')} more, beyond the limit of open incidents`);
  }
  return lines.join('\n');
}

function incidentLines({ monitor, state, fired_at, seen_at, sentence, command, link, sent }: Incident): string[] {
  const since = shortTime(fired_at ?? seen_at);
  const faults = sent.flatMap(({ sink, fault, tries }) =>
    fault === null ? [] : [`  ${sink} has not accepted a message yet (${counted(tries, 'attempt')}): ${fault}`],
  );
  const shown = [`  ${command}`, ...(link === null ? [] : [`  ${link}`])];
  return [`${state} since ${since}, ${monitor}`, `  ${sentence}`, ...shown, ...faults];
}

/** Mutes a monitor. */
export async function muteMonitor(name: string, options: MuteOptions): Promise<void> {
  const ms = durationMs(options.for);
  if (ms === null) throw new KitError('REQUEST_INVALID', '--for must be a duration such as 30m, 2h or 3d');
  const minutes = Math.ceil(ms / 60_000);
  const view = await investigator(options).act('muteMonitor', { name, minutes, reason: options.reason });
  print(
    options,
    view,
    () => `${name} is muted until ${shortTime(view.muted?.until ?? '')}: its new incidents send no alerts.`,
  );
}

/** Ends the muting of a monitor. */
export async function unmuteMonitor(name: string, options: GlobalOptions): Promise<void> {
  const view = await investigator(options).act('unmuteMonitor', { name });
  const firing = view.incidents.filter(({ state }) => state === 'FIRING').length;
  print(options, view, () => `${name} is not muted; ${counted(firing, 'incident fires', 'incidents fire')}.`);
}
