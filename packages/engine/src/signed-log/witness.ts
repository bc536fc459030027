import { KitError } from '@pik/schema';

import type { LogKeys } from '../ports/log-keys.ts';
import type { WitnessState } from '../ports/witness-state.ts';
import { createLimiter } from '../runtime/limiter.ts';
import { hasSigned, isCosignature, newKeyText, parseKeyText, type SigningKey } from './keys.ts';
import {
  base64,
  fromBase64,
  KEY_TYPES,
  parseCheckpoint,
  parseNote,
  signatureLine,
  type VerifierKey,
  verifierKey,
} from './rules/note.ts';
import { isExtension, sameBytes } from './rules/tree.ts';

/** The parts of a witness. */
export interface WitnessParts {
  /** Its private key; created if there is none. */
  readonly keys: LogKeys;
  /** The name of a new key, such as `witness.example.com`. */
  readonly name: string;
  /** The logs that it signs, by their keys. */
  readonly logs: readonly VerifierKey[];
  readonly state: WitnessState;
  readonly nowMs: () => number;
}

/** An answer of a witness, as HTTP sends it. */
export interface WitnessAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** A witness (C2SP `tlog-witness`): signs checkpoints of logs that only grow. */
export interface Witness {
  /** Its key, as verifiers name it. */
  readonly key: VerifierKey;
  /** Answers a request of `add-checkpoint`. The state is durable before a signature is answered. */
  addCheckpoint(body: string): Promise<WitnessAnswer>;
}

/** Opens a witness. Throws `LOG_KEY_UNUSABLE`. */
export async function openWitness({ keys, name: newName, logs, state, nowMs }: WitnessParts): Promise<Witness> {
  const key = await witnessKey(keys, newName);
  const { name, key: raw } = key.verifier;
  const verifier = verifierKey(name, raw, KEY_TYPES.cosignature);
  const oneAtATime = createLimiter(1);
  const cosign = (text: string): string => {
    const seconds = Math.floor(nowMs() / 1_000);
    const signature = key.sign(new TextEncoder().encode(`cosignature/v1\ntime ${seconds}\n${text}`));
    const time = new Uint8Array(8);
    new DataView(time.buffer).setBigUint64(0, BigInt(seconds));
    return `${signatureLine(verifier, Uint8Array.of(...time, ...signature))}\n`;
  };
  const judge = async (body: string): Promise<WitnessAnswer> => {
    const asked = parseRequest(body);
    if (asked === null) return refused(400, 'the body is not a request of add-checkpoint');
    const { note, checkpoint, old, proof } = asked;
    const known = logs.filter((log) => log.name === checkpoint.origin);
    if (known.length === 0) return refused(404, 'the log is not known');
    if (!known.some((log) => hasSigned(log, note))) return refused(403, 'no known key of the log has signed it');
    if (old > checkpoint.size) return refused(400, 'the old size is larger than the size of the checkpoint');
    const last = await state.read(checkpoint.origin);
    if (old !== (last?.size ?? 0)) return conflict(last?.size ?? 0);
    if (last !== null && last.size === checkpoint.size && !sameBytes(last.root, checkpoint.root))
      return conflict(last.size);
    const older = last ?? { size: 0, root: new Uint8Array(0) };
    if (!isExtension(older, checkpoint, proof))
      return refused(422, 'the proof does not show that the log continues the old one');
    await state.write(checkpoint);
    return { status: 200, type: 'text/plain; charset=utf-8', body: cosign(note.text) };
  };
  return { key: verifier, addCheckpoint: (body) => oneAtATime(() => judge(body)) };
}

async function witnessKey(keys: LogKeys, name: string): Promise<SigningKey> {
  const stored = await keys.read();
  if (stored !== null) return parseKeyText(stored);
  const text = newKeyText(name);
  await keys.writeNext(text);
  await keys.activateNext();
  return parseKeyText(text);
}

const refused = (status: number, text: string) => ({ status, type: 'text/plain; charset=utf-8', body: `${text}\n` });
const conflict = (size: number) => ({ status: 409, type: 'text/x.tlog.size', body: `${size}\n` });

/** Hashes of a proof: the tree has fewer levels. */
const PROOF_MAX = 63;

function parseRequest(body: string) {
  const end = body.indexOf('\n\n');
  const [first = '', ...lines] = body.slice(0, end).split('\n');
  const [, digits = ''] = /^old (0|[1-9]\d{0,15})$/.exec(first) ?? [];
  const note = parseNote(body.slice(end + 2));
  const checkpoint = note === null ? null : parseCheckpoint(note.text);
  const proof = lines.map(fromBase64).filter((hash) => hash?.length === 32);
  if (end < 0 || digits === '' || note === null || checkpoint === null) return null;
  if (proof.length !== lines.length || lines.length > PROOF_MAX) return null;
  return { note, checkpoint, old: Number(digits), proof: proof.filter((hash) => hash !== null) };
}

/** The body of a request of `add-checkpoint`. */
export function witnessRequest(old: number, proof: readonly Uint8Array[], checkpoint: string): string {
  return `old ${old}\n${proof.map((hash) => `${base64(hash)}\n`).join('')}\n${checkpoint}`;
}

/** Asks a witness for its signature. */
export interface WitnessClient {
  /** The key of the witness. */
  readonly key: VerifierKey;
  /** Posts a request of `add-checkpoint`. */
  post(body: string): Promise<{ readonly status: number; readonly body: string }>;
}

/**
 * The line with which a witness signs a checkpoint.
 *
 * @throws KitError `WITNESS_REFUSED` if it answers otherwise, or with a signature that is not its own.
 */
export async function askWitness(
  { key, post }: WitnessClient,
  asked: { readonly old: number; readonly size: number; readonly checkpoint: string },
  proofFrom: (size: number) => readonly Uint8Array[],
): Promise<{ line: string; remembered: number }> {
  let { old } = asked;
  for (let attempt = 1; ; attempt++) {
    const { status, body } = await post(witnessRequest(old, proofFrom(old), asked.checkpoint));
    if (status === 409 && attempt === 1) {
      const size = Number(body.trim());
      if (Number.isSafeInteger(size) && size >= 0 && size <= asked.size) {
        old = size;
        continue;
      }
      throw new KitError('LOG_ROLLBACK', `the witness ${key.name} has signed ${size} entries of this log`);
    }
    const line = status === 200 ? body.split('\n').find((one) => isBy(key, one, asked.checkpoint)) : undefined;
    if (line === undefined)
      throw new KitError('WITNESS_REFUSED', `the witness ${key.name} answered ${status}: ${body.slice(0, 200).trim()}`);
    return { line, remembered: old };
  }
}

function isBy(key: VerifierKey, line: string, checkpoint: string): boolean {
  const text = parseNote(checkpoint)?.text ?? '';
  const signature = parseNote(`${text}\n${line}\n`)?.signatures[0];
  return signature !== undefined && isCosignature(key, text, signature);
}
