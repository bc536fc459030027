import { checkIntervalMs, KitError, type Monitor } from '@pik/schema';
import { v7 } from 'uuid';

import type { MonitorRow } from '../ports/monitor-store.ts';
import { changeRow, type Delivering, deliver } from './deliver.ts';
import { type Ask, judgeMonitor } from './judge.ts';
import { retire, stepMonitor } from './rules/step.ts';
import { runbookOf } from './rules/words.ts';

/** The dependencies of an evaluation of monitors. */
export interface Watching extends Delivering {
  readonly monitors: readonly Monitor[];
  readonly ask: Ask;
  /** Default: UUIDv7 by the clock of the machine. */
  readonly newId?: (() => string) | undefined;
  /** The address of the server, such as `https://kit.example`; null if it is unknown. */
  readonly consoleUrl: string | null;
}

/**
 * Judges the monitors that are due, writes their incidents, and sends the messages that are due. Rounds of two processes may overlap: only
 * one of two judgements of a monitor is written. Faults of single monitors and sinks are kept in their rows; only a store that fails makes
 * the round reject, and the next round continues.
 */
export async function watchOnce(at: Watching): Promise<void> {
  const rows = new Map((await at.store.list()).map((row) => [row.name, row]));
  for (const monitor of at.monitors) {
    if (at.isStopping?.() === true) return;
    const row = rows.get(monitor.name) ?? null;
    if (isCheckDue(monitor, row, at.now())) await check(at, monitor, row);
  }
  const declared = new Set(at.monitors.map(({ name }) => name));
  for (const { name, is_retired } of rows.values())
    if (!is_retired && !declared.has(name)) await changeRow(at.store, name, (row) => retire(row, at.now()));
  await deliver(at);
}

/** Rounds have their own interval: a check half a round early is better than one a round late. */
const EARLY_MS = 5_000;

function isCheckDue(monitor: Monitor, row: MonitorRow | null, nowMs: number): boolean {
  // After a clock that was set back, and while it cannot be judged, each round checks it.
  if (row === null || row.is_retired || row.fault !== null || row.checked_ms === null || row.checked_ms > nowMs)
    return true;
  return row.checked_ms + checkIntervalMs(monitor) - EARLY_MS <= nowMs;
}

async function check(at: Watching, monitor: Monitor, row: MonitorRow | null): Promise<void> {
  const nowMs = at.now();
  const sinks = monitor.sinks ?? [...at.sinks.keys()];
  const judged = await judgeMonitor(at.ask, monitor, nowMs).then(
    (judgement) => ({ judgement, fault: null }),
    (error: unknown) => ({ judgement: null, fault: faultText(error) }),
  );
  if (judged.fault !== null)
    at.telemetry.log('warn', 'monitor_not_judged', { monitor: monitor.name, error: judged.fault });
  const { consoleUrl, newId = v7 } = at;
  const step = { monitor, nowMs, sinks, consoleUrl, runbook: runbookOf(monitor), newId, ...judged };
  // A row that another process, or a person who mutes, has changed meanwhile is read again; the judgement stands.
  for (let known = row; ; known = await at.store.get(monitor.name)) {
    if (await at.store.put(stepMonitor(known, step))) return;
  }
}

function faultText(error: unknown): string {
  if (KitError.is(error)) return `${error.code}: ${error.message}`;
  return String(error instanceof Error ? error.message : error).slice(0, 500);
}
