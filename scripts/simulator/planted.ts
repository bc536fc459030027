// Faults that are planted to measure the simulator: each is a change of one place of the sources, made only in a build of the
// simulator, and breaks a promise of docs/guarantees.md. The sources themselves never hold them.

const LOCAL = 'packages/engine/src/backends/local';
const KEYS = `${LOCAL}/key-runs`;
const INGEST = 'packages/engine/src/ingest';

/** A fault: the text `from`, which stands once in `file`, becomes `to`. */
export interface Planted {
  readonly name: string;
  /** The promise of docs/guarantees.md that it breaks. */
  readonly promise: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

function plant(name: string, promise: string, [file, from, to]: readonly [string, string, string]): Planted {
  return { name, promise, file, from, to };
}

const FILES: readonly Planted[] = [
  plant('a pack is not synced', 'G1', [
    `${LOCAL}/create-only.ts`,
    '    await file.sync();\n    return file;',
    '    return file;',
  ]),
  plant('the folder of a pack is not synced', 'G1', [
    `${LOCAL}/create-only.ts`,
    'await Promise.all([store.folder.sync(folder), removeDraft()]);',
    'await removeDraft();',
  ]),
  plant('the folder of a new hour is not synced', 'G1', [
    `${LOCAL}/create-only.ts`,
    '    await syncFolder(dirname(at));\n    made.push(at);',
    '    made.push(at);',
  ]),
  plant('a folder counts as durable before it is', 'G1', [
    `${LOCAL}/create-only.ts`,
    '    await syncFolder(dirname(at));\n    made.push(at);',
    '    store.knownFolders.add(at);\n    await syncFolder(dirname(at));\n    made.push(at);',
  ]),
  plant('a short write counts as a whole one', 'G11', [
    `${LOCAL}/create-only.ts`,
    '    offset += bytesWritten;',
    '    offset = Math.max(bytes.length, bytesWritten);',
  ]),
  plant('a failed sync of a pack is tried again', 'G1', [
    `${LOCAL}/create-only.ts`,
    '    await file.sync();\n    return file;',
    '    await file.sync().catch(() => file.sync());\n    return file;',
  ]),
  plant('a pack has its name before its bytes are synced', 'G1', [
    `${LOCAL}/create-only.ts`,
    '    await writeAll(file, bytes);\n    await file.sync();\n    return file;',
    '    await writeAll(file, bytes);\n    setTimeout(() => void file.sync().catch(() => {}), 5);\n    return file;',
  ]),
  plant('an unreadable file counts as missing', 'G20', [
    `${LOCAL}/create-only.ts`,
    "    if (!isErrno(error, 'ENOENT')) throw error;\n    await access(join(dir, 'tmp'));",
    "    await access(join(dir, 'tmp'));",
  ]),
  plant('an append is not awaited', 'G1', [
    'packages/engine/src/storage/pack-store.ts',
    '  await context.backend.rawLog.append(packId, bytes);',
    '  void context.backend.rawLog.append(packId, bytes).catch(() => {});',
  ]),
  plant('a failed append is ignored', 'G1', [
    'packages/engine/src/storage/pack-store.ts',
    '  await context.backend.rawLog.append(packId, bytes);',
    '  await context.backend.rawLog.append(packId, bytes).catch(() => {});',
  ]),
  plant('the digest of a pack is that of its text', 'G18', [
    'packages/engine/src/storage/pack-store.ts',
    '  return packFacts(context, { packId, bytes, requests: packed, ...head });',
    '  return packFacts(context, { packId, bytes: text, requests: packed, ...head });',
  ]),
  plant('a listing of packs ends after its first page', 'G21', [
    `${LOCAL}/raw-log.ts`,
    'return { items, next: items.at(-1) ?? null };',
    'return { items, next: null };',
  ]),
  plant('a listing leaves out the hour in which it begins', 'G21', [
    `${LOCAL}/raw-log.ts`,
    'if (startMs + 3_600_000 > range.fromMs',
    'if (startMs >= range.fromMs',
  ]),
  plant('a listing leaves out the day in which it begins', 'G21', [
    `${LOCAL}/raw-log.ts`,
    'if (dayMs + MS_PER_DAY <= range.fromMs',
    'if (dayMs < range.fromMs',
  ]),
];

const COMMITS: readonly Planted[] = [
  plant('a failed commit is answered as a success', 'G1', [
    `${LOCAL}/group-commit.ts`,
    '    for (const job of group) rejectJob(parts, job, error);',
    '    for (const job of group) void error, job.resolve();',
  ]),
  plant('a group is never committed', 'G1', [
    `${LOCAL}/group-commit.ts`,
    "parts.db.exec('COMMIT');",
    "parts.db.exec('ROLLBACK');",
  ]),
  plant('a failed piece of work stays in the commit', 'G2', [
    `${LOCAL}/group-commit.ts`,
    "parts.db.exec('ROLLBACK TO work; RELEASE work');",
    "parts.db.exec('RELEASE work');",
  ]),
  plant('caches survive the rollback of a group', 'G4', [
    `${LOCAL}/group-commit.ts`,
    "    if (parts.db.isTransaction) parts.db.exec('ROLLBACK');\n    parts.afterRollback?.();",
    "    if (parts.db.isTransaction) parts.db.exec('ROLLBACK');",
  ]),
  plant('numbers of names survive a rollback', 'G16', [`${LOCAL}/event-index.ts`, '      interning.forget();\n', '']),
  plant('keys survive the rollback of a group', 'G4', [
    `${LOCAL}/event-index.ts`,
    '      if (!db.isTransaction) keys.takeBack(keys.published);',
    '',
  ]),
  plant('keys survive a failed admission', 'G4', [`${LOCAL}/event-index.ts`, '    keys.takeBack(last);\n', '']),
  plant('keys are never published', 'G20', [`${LOCAL}/event-index.ts`, '      keys.publish();\n', '']),
  plant('the keys are not found in a rolled-back table', 'G4', [
    `${KEYS}/key-runs.ts`,
    '      last = Math.min(last, above);',
    '',
  ]),
  plant('deliveries are not stored', 'G21', [
    `${LOCAL}/writer.ts`,
    '      for (const row of rows.deliveries) writeDelivery(rest, row, interning);\n',
    '',
  ]),
  plant('failures are not stored', 'G3', [
    `${LOCAL}/writer.ts`,
    '      for (const row of rows.failures) writeFailure(rest.failure, row);\n',
    '',
  ]),
  plant('slices are not stored', 'G18', [
    `${LOCAL}/writer.ts`,
    '      for (const row of rows.slices) writeSlice(row);\n',
    '',
  ]),
  plant('the PACK row is not stored', 'G21', [
    `${LOCAL}/writer.ts`,
    '        if (writePack(rest.pack, rows.pack)) hours.admitted',
    '        if (writePack(rest.pack, { ...rows.pack, outcomes: rows.pack.outcomes.slice(1) })) hours.admitted',
  ]),
  plant('the sequence of packs begins again at each start', 'G2', [
    `${LOCAL}/writer.ts`,
    '        if (rows.pack.sequence != null) rest.sequenceMark.run(rows.pack.sequence);\n',
    '',
  ]),
  plant('the second line of an event in a pack is new too', 'G4', [
    `${LOCAL}/writer.ts`,
    "    if (isOrdinary(row, held, nowMs)) return { kind: 'present', stored: held };",
    "    if (isOrdinary(row, held, nowMs)) return { kind: 'inserted', replaced_expired: false };",
  ]),
  plant('an old event is held for expired', 'G5', [
    `${LOCAL}/writer.ts`,
    '  return stored.expires_ms > nowMs && !mayMove(row, stored)',
    '  return stored.received_ms + 3_600_000 > nowMs && !mayMove(row, stored)',
  ]),
  plant('events of a failed admission are written with the next', 'G2', [
    `${LOCAL}/packed/fresh-rows.ts`,
    '      held.clear();\n      groups.take();\n      written.clear();\n',
    '',
  ]),
  plant('a replaced event keeps its pointer', 'G16', [
    `${LOCAL}/writer.ts`,
    '  events.dropPointer.run(idBytes(stored.position));\n',
    '',
  ]),
  plant('events of a second segment have the numbers of the first', 'G16', [
    `${LOCAL}/packed/fresh-rows.ts`,
    '      keys.add(id, first + place);',
    '      keys.add(id, firstNo + place);',
  ]),
];

const KEY_INDEX: readonly Planted[] = [
  plant('a start does not add the keys that no run has', 'G4', [
    `${LOCAL}/key-index.ts`,
    '      keys.add(id, number);\n',
    '',
  ]),
  plant('a start adds keys from behind the first one', 'G4', [
    `${LOCAL}/key-index.ts`,
    'let last = keys.covered;',
    'let last = keys.covered + 1;',
  ]),
  plant('keys of another index are kept', 'G4', [
    `${LOCAL}/key-index.ts`,
    'if (isOfIndex(db, keys)) return keys;',
    'return keys;',
  ]),
  plant('a manifest names a run whose name is not durable', 'G21', [
    `${KEYS}/upkeep.ts`,
    '    await files.syncFolder();\n    await writeManifest(files, manifest);',
    '    await writeManifest(files, manifest);',
  ]),
  plant('a manifest is not synced', 'G21', [
    `${KEYS}/manifest.ts`,
    '    await file.sync();\n  } finally',
    '  } finally',
  ]),
  plant('runs are removed before the manifest without them is durable', 'G21', [
    `${KEYS}/manifest.ts`,
    '  await files.rename(DRAFT, NAME);\n  await files.syncFolder();',
    '  await files.rename(DRAFT, NAME);',
  ]),
  plant('a run is not synced', 'G21', [
    `${KEYS}/run-writer.ts`,
    '  await file.sync();\n  return blocks.entries;',
    '  return blocks.entries;',
  ]),
  plant('keys are written to a run before their events are durable', 'G4', [
    `${KEYS}/upkeep.ts`,
    'if (state.tables.length === 1 || table.lastNumber > state.published) return false;',
    'if (state.tables.length === 1) return false;',
  ]),
  plant('a run covers one event more than it has', 'G4', [
    `${KEYS}/upkeep.ts`,
    'const covered = { covered: table.lastNumber,',
    'const covered = { covered: table.lastNumber + 1,',
  ]),
  plant('a table leaves the memory before its run counts', 'G4', [
    `${KEYS}/upkeep.ts`,
    '  await install(work, { run, dropped: [], covered });',
    '  state.tables.pop();\n  await install(work, { run, dropped: [], covered });\n  state.tables.push(table);',
  ]),
  plant('a merge drops a run too many', 'G4', [
    `${KEYS}/upkeep.ts`,
    '  await install(work, { run, dropped: runs });',
    '  await install(work, { run, dropped: work.state.runs.slice(-runs.length - 1) });',
  ]),
  plant('a merge loses its last entry', 'G4', [
    `${KEYS}/run-writer.ts`,
    '  return blocks.entries;\n}',
    '  return Math.max(1, blocks.entries - (source.entriesMax > 4 ? 1 : 0));\n}',
  ]),
  plant('a key is looked for in the newest table alone', 'G4', [
    `${KEYS}/finder.ts`,
    'return findIn(sources.tables, id, hash) ?? findIn',
    'return findIn(sources.tables.slice(0, 1), id, hash) ?? findIn',
  ]),
  plant('a key is not looked for in the oldest run', 'G4', [
    `${KEYS}/finder.ts`,
    '?? findIn(sources.runs, id, hash);',
    '?? findIn(sources.runs.length > 1 ? sources.runs.slice(0, -1) : sources.runs, id, hash);',
  ]),
  plant('a listing of keys leaves out the runs', 'G16', [
    `${KEYS}/finder.ts`,
    'const found = runs.map((run)',
    'const found = runs.slice(1).map((run)',
  ]),
];

const SWEEPS: readonly Planted[] = [
  plant('a sweep does not look back', 'G21', [
    `${INGEST}/sweep.ts`,
    'const since = mark === null ? 0 : Math.min(mark, now) - options.lookBackMs;',
    'const since = mark === null ? 0 : Math.min(mark, now);',
  ]),
  plant('the mark of the sweep does not follow a clock that was set back', 'G21', [
    `${INGEST}/sweep.ts`,
    'const since = mark === null ? 0 : Math.min(mark, now) - options.lookBackMs;',
    'const since = mark === null ? 0 : mark - options.lookBackMs;',
  ]),
  plant('a sweep leaves out packs from the future', 'G21', [
    `${INGEST}/sweep.ts`,
    '(context.backend.soleOwner === undefined ||',
    '(context.backend.soleOwner !== undefined ||',
  ]),
  plant('a sweep leaves out the last pack of a page', 'G21', [
    `${INGEST}/sweep.ts`,
    'const packIds = page.items.slice(start, start + PACKS_AT_ONCE);',
    'const packIds = page.items.slice(start, start + PACKS_AT_ONCE - 1);',
  ]),
  plant('a sweep admits packs that may not be durable', 'G2', [
    `${INGEST}/sweep.ts`,
    '  await context.backend.rawLog.settle?.(packId);\n',
    '',
  ]),
  plant('a sweep goes on after a failed admission', 'G21', [
    `${INGEST}/sweep.ts`,
    "    if (!KitError.is(error) || (error.code !== 'RAW_CORRUPT' && error.code !== 'RAW_MISSING')) throw error;\n",
    '',
  ]),
  plant('a sweep admits with the time of the sweep', 'G16', [
    `${INGEST}/sweep.ts`,
    'const context = { receivedMs: received.epoch_ms, imported',
    'const context = { receivedMs: Date.now(), imported',
  ]),
  plant('answers are those of the first request of a group', 'G2', [
    `${INGEST}/write-group.ts`,
    'firstLine: line - records.length,',
    'firstLine: 0,',
  ]),
  plant('a group does not wait for earlier ones', 'G16', [`${INGEST}/write-group.ts`, '  await earlier;\n', '']),
  plant('a waiting pack is not held', 'G16', [
    `${INGEST}/write-group.ts`,
    '  context.inFlight.hold(\n    packId,',
    "  context.inFlight.hold(\n    'none',",
  ]),
  plant('a group answers its first item only', 'G20', [
    'packages/engine/src/runtime/group-queue.ts',
    '    for (const { reject } of group) reject(error);',
    '    group[0]?.reject(error);',
  ]),
  plant('a sweep releases packs that it did not read', 'G16', [
    `${INGEST}/admit.ts`,
    '  const rows = eventRows(records, pack);',
    '  context.inFlight.release(pack.pack_id);\n  const rows = eventRows(records, pack);',
  ]),
];

const RULES: readonly Planted[] = [
  plant('our own retried write is a duplicate', 'G2', [
    `${INGEST}/rules/classify.ts`,
    '  if (isAt(row, stored)) return { status: stored.answered, flags: row.flags, first: null, currentFirst };\n',
    '',
  ]),
  plant('a conflict is a duplicate', 'G3', [
    `${INGEST}/rules/first-receipt.ts`,
    "  return receipt.payload_hash === first.payload_hash ? 'DUPLICATE' : 'CONFLICT';",
    "  return receipt.payload_hash === first.payload_hash || true ? 'DUPLICATE' : 'CONFLICT';",
  ]),
  plant('the latest import is the first receipt', 'G3', [
    `${INGEST}/rules/first-receipt.ts`,
    '  if (a.received_ms !== b.received_ms) return a.received_ms < b.received_ms;',
    '  if (a.received_ms !== b.received_ms) return a.received_ms > b.received_ms;',
  ]),
  plant('an import displaces a live receipt of another payload', 'G3', [
    `${INGEST}/rules/first-receipt.ts`,
    'const stays = (stored.live && !same) || !isEarlier(row, stored);',
    'const stays = !isEarlier(row, stored);',
  ]),
  plant('the lines of an import are admitted in their order', 'G2', [
    `${INGEST}/rules/first-receipt.ts`,
    'return isEarlier(left, right) ? -1 : isEarlier(right, left) ? 1 : a - b;',
    'return a - b;',
  ]),
  plant('a former first receipt is lost', 'G3', [`${LOCAL}/mover.ts`, '        writes.keep(stored, first);\n', '']),
  plant('a move leaves no rechecks', 'G22', [
    `${LOCAL}/mover.ts`,
    '        for (const one of rechecks) writeRecheck(recheck, one, interning);\n',
    '',
  ]),
  plant('the outcomes of a pack are those of its events alone', 'G2', [
    `${INGEST}/rules/outcomes.ts`,
    "const status = verdicts[line]?.status ?? 'REJECTED';",
    "const status = verdicts[line]?.status ?? 'ACCEPTED';",
  ]),
  plant('answered outcomes are not noted for a rebuild', 'G2', [
    `${LOCAL}/verdict-journal.ts`,
    "        writeFully(fd, Buffer.from(packs.map(journalLine).join('')));",
    '',
  ]),
  plant('a rebuild keeps the keys of the old index', 'G21', [
    `${LOCAL}/open.ts`,
    'const files = [KEYS, ...names.flatMap',
    'const files = [...names.flatMap',
  ]),
  plant('a rebuild follows the ids of packs', 'G2', [
    'packages/engine/src/verify/rebuild.ts',
    '  for await (const { pack_id, outcomes } of options.answered) await admit(pack_id, outcomes);\n',
    '',
  ]),
];

/** All planted faults. */
export const PLANTED: readonly Planted[] = [...FILES, ...COMMITS, ...KEY_INDEX, ...SWEEPS, ...RULES];
