import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Budget } from '../runtime/budget.ts';
import { type InputSink, type InputSource, listSource, readInto } from './input-source.ts';
import { hashedElement, listedInput, type WindowInput } from './rules/window-input.ts';

/** Inputs between two turns of the event loop: a few milliseconds of work. */
const ROWS_PER_TURN = 5_000;

/** Count and hash of a version's inputs. */
export interface InputsFigures {
  readonly input_count: number;
  /** SHA-256 of the RFC 8785 form of the list of `[event_id, payload_hash, event_time, received_at]`, in order. */
  readonly inputs_hash: string;
}

/** Counts and hashes inputs as they arrive. */
export class InputsHash implements InputSink {
  readonly #hash = createHash('sha256').update('[');
  #count = 0;

  async add(part: readonly WindowInput[]): Promise<void> {
    for (let start = 0; start < part.length; start += ROWS_PER_TURN) {
      if (start > 0) await setImmediate();
      const some = part.slice(start, start + ROWS_PER_TURN).map((input) => hashedElement(listedInput(input)));
      this.#hash.update((this.#count === 0 ? '' : ',') + some.join(','));
      this.#count += some.length;
    }
  }

  /** Returns count and hash. Call it once, at the end. */
  figures(): InputsFigures {
    return { input_count: this.#count, inputs_hash: this.#hash.update(']').digest('hex') };
  }
}

/** Returns count and hash of all inputs of a source. */
export async function inputsFigures(source: InputSource): Promise<InputsFigures> {
  const hash = new InputsHash();
  await readInto(source, [hash]);
  return hash.figures();
}

/** Returns the hash of a list of inputs. */
export async function inputsHash(inputs: readonly WindowInput[], budget: Budget): Promise<string> {
  return (await inputsFigures(listSource(inputs, budget))).inputs_hash;
}
