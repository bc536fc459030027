import type { Backend } from '../ports/backend.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { readCosignatures, writeCosignature } from './log-files.ts';
import type { LogState } from './rules/log-state.ts';
import { askWitness, type WitnessClient } from './witness.ts';

/** A checkpoint to be signed by witnesses. */
export interface CosignedCheckpoint {
  readonly size: number;
  readonly checkpoint: string;
}

interface CosignParts {
  readonly backend: Pick<Backend, 'files' | 'index'>;
  readonly witnesses: readonly WitnessClient[];
  readonly telemetry: Telemetry;
}

/** The size that a witness has signed last, as this log knows it. */
const markOf = ({ key }: WitnessClient) => `log_witness_${key.id}`;

/** Asks the witnesses that have not signed a checkpoint yet. True if all have; a failure is logged. */
export async function cosign(parts: CosignParts, state: LogState, at: CosignedCheckpoint): Promise<boolean> {
  const { backend, witnesses, telemetry } = parts;
  if (witnesses.length === 0) return true;
  const stored = await readCosignatures(backend, at.size);
  let isDone = true;
  for (const witness of witnesses) {
    const { name, id } = witness.key;
    if (stored.has(id)) continue;
    try {
      const known = (await backend.index.getMark(markOf(witness))) ?? 0;
      const asked = { old: Math.min(known, at.size), ...at };
      const { line, remembered } = await askWitness(witness, asked, (size) => state.tree.consistency(size, at.size));
      // The witness signed more than it remembers: it has lost its state, and those who rely on it should know.
      if (remembered < known) telemetry.log('error', 'witness_forgot', { witness: name, size: known, remembered });
      await writeCosignature(backend, { size: at.size, id, line });
      await backend.index.setMark(markOf(witness), at.size);
    } catch (error) {
      isDone = false;
      telemetry.log('error', 'log_unwitnessed', { witness: name, size: at.size, error: String(error) });
    }
  }
  return isDone;
}

/** A checkpoint with the signatures of witnesses that are stored. */
export async function withCosignatures(
  backend: Pick<Backend, 'files'>,
  { size, checkpoint }: CosignedCheckpoint,
): Promise<string> {
  const lines = [...(await readCosignatures(backend, size)).values()];
  return checkpoint + lines.map((line) => `${line}\n`).join('');
}
