import { KitError, MS_PER_HOUR } from '@pik/schema';

import { erasureIds, readRecord } from '../erase/erasure-store.ts';
import type { Backend } from '../ports/backend.ts';
import type { HourRow } from '../ports/closed-hours.ts';
import type { LogTarget } from '../ports/log-target.ts';
import type { StampClient } from '../ports/stamp-client.ts';
import { silentTelemetry, type Telemetry } from '../ports/telemetry.ts';
import { createLimiter } from '../runtime/limiter.ts';
import { readPages } from '../runtime/pages.ts';
import { cosign, withCosignatures } from './cosign.ts';
import { newKeyText, parseKeyText, type SigningKey } from './keys.ts';
import { appendEntries, mendTiles, readLog } from './log-files.ts';
import {
  checkPrefix,
  HEAD_MARK,
  type LogParts,
  openKey,
  originOf,
  randomName,
  readChecked,
  sign,
  signRotation,
} from './open-log.ts';
import { CHECKPOINT, missingEntries, publish, readPublished } from './publish.ts';
import { entryBytes, hourMsOf, type LogEntry } from './rules/entries.ts';
import { addEntry, createLogState, hourEntry, type LogState, quietBefore } from './rules/log-state.ts';
import type { VerifierKey } from './rules/note.ts';
import { stampHead } from './stamp-head.ts';
import type { WitnessClient } from './witness.ts';

/** The parts of a signed log. */
export interface SignedLogOptions extends LogParts {
  readonly backend: Backend;
  readonly telemetry?: Telemetry | undefined;
  /** Where copies are kept. Default: nowhere. */
  readonly targets?: readonly LogTarget[] | undefined;
  /** Witnesses that are asked to sign each checkpoint. Default: none. */
  readonly witnesses?: readonly WitnessClient[] | undefined;
  /** Authorities that are asked, in this order, to stamp each checkpoint. Default: none. */
  readonly stamps?: readonly StampClient[] | undefined;
}

/** A checkpoint of the log. */
export interface SignedHead {
  readonly size: number;
  /** The signed note. */
  readonly checkpoint: string;
  /** The key that signed it, as verifiers name it. */
  readonly key: string;
}

/** The signed log of a backend, as its one owner appends to it. Calls run one after another. */
export interface SignedLog {
  /**
   * Appends the hours that were closed, and the erasures that were finished, since the last call, then signs. Null if the private key was
   * lost: the entries are kept unsigned until `replaceKey`.
   * @throws KitError `LOG_FORKED` if a commit has another root than its entry; errors of the backend.
   */
  closeHours(): Promise<SignedHead | null>;
  /** Appends entries, then signs. Throws `LOG_ENTRY_TOO_LARGE`. */
  append(entries: readonly LogEntry[]): Promise<SignedHead | null>;
  /**
   * Asks witnesses and time stamp authorities, then updates every target. Logs failures; the next call tries again. True if nothing
   * failed.
   */
  publish(): Promise<boolean>;
  /** Signs with a new key from now on; the old key signs the name of the new one, and is then deleted. Throws `LOG_KEY_UNUSABLE`. */
  rotateKey(): Promise<VerifierKey>;
  /** Signs with a new key after the old one was lost: nothing connects the two. Throws `LOG_KEY_UNUSABLE` if it was not lost. */
  replaceKey(): Promise<VerifierKey>;
}

/**
 * Opens the signed log of a backend; finishes what a crash left behind.
 *
 * @throws KitError `LOG_ROLLBACK` if the index, or a target, knows more entries than the files have; `LOG_FORKED`, `LOG_DAMAGED`,
 * `LOG_KEY_UNUSABLE`.
 */
export async function openSignedLog(options: SignedLogOptions): Promise<SignedLog> {
  let log: OpenLog | null = await open(options);
  const oneAtATime = createLimiter(1);
  const run = <T>(work: (log: OpenLog) => Promise<T>) =>
    oneAtATime(async () => {
      log ??= await open(options);
      try {
        return await work(log);
      } catch (error) {
        // It is not known how much became durable: the next call reads it again.
        log = null;
        throw error;
      }
    });
  return {
    closeHours: () =>
      run((log) => appendMade(log, async () => [...(await entriesOfHours(log)), ...(await entriesOfErasures(log))])),
    append: (entries) => run((log) => appendMade(log, async () => entries)),
    publish: () => run(publishAll),
    rotateKey: () => run((log) => changeKey(log, { isLost: false })),
    replaceKey: () => run((log) => changeKey(log, { isLost: true })),
  };
}

interface OpenLog extends SignedLogOptions {
  readonly telemetry: Telemetry;
  readonly targets: readonly LogTarget[];
  readonly witnesses: readonly WitnessClient[];
  readonly stamps: readonly StampClient[];
  state: LogState;
  key: SigningKey | null;
  head: SignedHead | null;
  /** The checkpoint that each target has, and since when it waits for another one. */
  readonly published: Map<string, { readonly checkpoint: string; readonly waitsSinceMs: number | null }>;
}

async function open(options: SignedLogOptions): Promise<OpenLog> {
  const { telemetry = silentTelemetry, targets = [], witnesses = [], stamps = [] } = options;
  const state = await readChecked(options);
  for (const target of targets) {
    const note = await readPublished(target, telemetry);
    if (note !== null) checkPrefix(state, note, `the copy of the log at ${target.name}`);
  }
  const log: OpenLog = {
    ...options,
    telemetry,
    targets,
    witnesses,
    stamps,
    state,
    key: null,
    head: null,
    published: new Map(),
  };
  await mendTiles(log.backend, state);
  log.key = await openKey(log, state);
  if (log.key === null) telemetry.log('error', 'log_key_lost', {});
  await signHead(log);
  return log;
}

async function signHead(log: OpenLog): Promise<SignedHead | null> {
  const { backend, state, key } = log;
  const size = state.entries.length;
  if (key === null) return null;
  if (log.head?.size !== size || log.head.key !== key.verifier.text) {
    const checkpoint = size === 0 ? '' : await sign(backend, state, { size, signers: [key] });
    await backend.index.setMark(HEAD_MARK, size);
    log.head = { size, checkpoint, key: key.verifier.text };
  }
  return log.head;
}

/** Appends what `make` gives for the present state of the log. */
async function appendMade(log: OpenLog, make: () => Promise<readonly LogEntry[]>): Promise<SignedHead | null> {
  for (let attempt = 1; ; attempt++) {
    const entries = (await make()).map(entryBytes);
    try {
      await appendEntries(log.backend, log.state, entries);
      return await signHead(log);
    } catch (error) {
      if (!KitError.is(error) || error.code !== 'LOG_CONTENDED' || attempt === 3) throw error;
      log.state = await readChecked(log);
    }
  }
}

/** The entries of closed hours that the log does not have, in order of time, with the quiet hours between them. */
async function entriesOfHours({ backend, state }: OpenLog): Promise<LogEntry[]> {
  const { hours } = backend;
  const entries: LogEntry[] = [];
  if (hours === undefined) return entries;
  let { coveredMs } = state;
  const rows = readPages<HourRow>((cursor) => hours.list({ fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, cursor }));
  for await (const row of rows) {
    const entry = hourEntry(state, row);
    if (entry === null) continue;
    const quiet = quietBefore(coveredMs, row.hour_ms);
    if (quiet !== null && (await isQuiet(backend, { fromMs: hourMsOf(quiet.from), toMs: row.hour_ms })))
      entries.push(quiet);
    entries.push(entry);
    coveredMs = Math.max(coveredMs ?? 0, row.hour_ms + MS_PER_HOUR);
  }
  return entries;
}

/** The entries of finished erasures that the log does not have. */
async function entriesOfErasures({ backend, state }: OpenLog): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for (const id of await erasureIds(backend)) {
    const record = state.erasures.has(id) ? null : await readRecord(backend, id);
    if (record !== null) entries.push({ type: 'erasure', id, packs: record.packs, lines: record.lines });
  }
  return entries;
}

/** An hour that waits for a damaged pack is not quiet. */
async function isQuiet({ rawLog }: Backend, range: { fromMs: number; toMs: number }): Promise<boolean> {
  return (await rawLog.list(range)).items.length === 0;
}

async function changeKey(log: OpenLog, { isLost }: { isLost: boolean }): Promise<VerifierKey> {
  const { key, keys, state } = log;
  if (isLost !== (key === null))
    throw new KitError(
      'LOG_KEY_UNUSABLE',
      isLost ? 'the private key is there; rotate it instead' : 'the private key was lost; it can only be replaced',
    );
  const name = key?.verifier.name ?? (await originOf(log, state)) ?? log.origin ?? randomName();
  const text = newKeyText(name);
  const next = parseKeyText(text);
  await keys.writeNext(text);
  const entry: LogEntry = { type: 'key', next: next.verifier.text, ...(isLost ? { lost: true } : {}) };
  await appendEntries(log.backend, state, [entryBytes(entry)]);
  await signRotation(log, state, { next, before: key });
  log.key = next;
  await signHead(log);
  return next.verifier;
}

async function publishAll(log: OpenLog): Promise<boolean> {
  const { targets, published, telemetry, backend, head, state } = log;
  if (head === null || head.size === 0) return true;
  const { size } = head;
  let isDone = await cosign(log, state, head);
  if (!(await stampHead(log, size, log.stamps))) isDone = false;
  const checkpoint = await withCosignatures(backend, head);
  for (const target of targets) {
    const known = published.get(target.name) ?? { checkpoint: '', waitsSinceMs: null };
    if (known.checkpoint === checkpoint) continue;
    const nowMs = backend.clock.now();
    let waitsSinceMs = known.waitsSinceMs ?? nowMs;
    try {
      await publish(log, state, { target, size, checkpoint });
      published.set(target.name, { checkpoint, waitsSinceMs: null });
      waitsSinceMs = nowMs;
    } catch (error) {
      isDone = false;
      published.set(target.name, { checkpoint: known.checkpoint, waitsSinceMs });
      telemetry.log('error', 'log_unpublished', { target: target.name, size, error: String(error) });
    }
    telemetry.observe('LogPublishLagSeconds', [(nowMs - waitsSinceMs) / 1_000], target.name);
  }
  return isDone;
}

/**
 * Takes the entries that a restored directory lacks from a copy, and records the restore in the log. Only for a directory that
 * `openSignedLog` refuses with `LOG_ROLLBACK`.
 * @throws KitError `LOG_DAMAGED`, `LOG_FORKED` if the copy does not continue the log of the directory.
 */
export async function restoreLog(
  options: SignedLogOptions,
  { target, reason }: { target: LogTarget; reason: string },
): Promise<SignedHead | null> {
  const { backend } = options;
  const state = await readLog(backend);
  const { length } = state.entries;
  // A restore that was interrupted had already taken some of them; the head stands where it began.
  const from = Math.min((await backend.index.getMark(HEAD_MARK)) ?? length, length);
  const whole = createLogState();
  const missing = await missingEntries(target, state);
  for (const entry of [...state.entries, ...missing]) addEntry(whole, entry);
  const note = await target.read(CHECKPOINT);
  checkPrefix(whole, new TextDecoder().decode(note ?? new Uint8Array(0)), `the copy of the log at ${target.name}`);
  await appendEntries(backend, state, missing);
  return (await openSignedLog(options)).append([{ type: 'restore', from, reason }]);
}
