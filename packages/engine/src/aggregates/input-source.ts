import { LIMITS } from '@pik/schema';
import { allEnded } from '../ports/all-ended.ts';
import type { Budget } from '../runtime/budget.ts';
import type { Context } from '../runtime/context.ts';
import type { WindowInput } from './rules/window-input.ts';
import { streamedInputs } from './streamed-inputs.ts';
import { WindowError } from './window-error.ts';
import { type WindowQuestion, windowInputs } from './window-inputs.ts';

/** Inputs per part. A part is held in memory with its payloads, and each pack is read once for it. */
export const PART_INPUTS = 25_000;

/** The inputs of a window in parts, in order of event time and id. They can be read more than once. */
export interface InputSource {
  /** All inputs; null if they are too many to hold in memory, so that `parts` reads them again each time. */
  readonly list: readonly WindowInput[] | null;
  parts(): AsyncIterable<readonly WindowInput[]>;
}

/** Receives the parts of a source one by one, in order. */
export interface InputSink {
  add(part: readonly WindowInput[]): Promise<void>;
}

/** A source over a list in memory; yields to the event loop between two parts. */
export function listSource(list: readonly WindowInput[], budget: Budget): InputSource {
  return {
    list,
    async *parts() {
      for (let start = 0; start < list.length; start += PART_INPUTS) {
        if (start > 0) await budget.turn();
        yield list.length <= PART_INPUTS ? list : list.slice(start, start + PART_INPUTS);
      }
    },
  };
}

/** Reads a source once and passes each part to all sinks. */
export async function readInto(source: InputSource, sinks: readonly InputSink[]): Promise<void> {
  for await (const part of source.parts()) await allEnded(sinks.map((sink) => sink.add(part)));
}

/**
 * Opens the inputs of a window: in memory if they are few, otherwise read in parts if the fold can take them one by one.
 *
 * @throws KitError `WINDOW_TOO_LARGE`, `REQUEST_INVALID` for a key that this grouping does not have.
 */
export async function openInputs(context: Context, question: WindowQuestion): Promise<InputSource> {
  const source = await unfoldedInputs(context, question);
  const { additive, reads_payload } = question.aggregate;
  if (source.list === null && reads_payload && !additive) {
    const reason = `it has more than ${LIMITS.window_inputs_max} inputs, the maximum for a fold that reads payloads and is not additive`;
    throw new WindowError(question, { code: 'WINDOW_TOO_LARGE', reason });
  }
  return source;
}

/** Opens the inputs of a window for a caller that does not fold them. */
export async function unfoldedInputs(context: Context, question: WindowQuestion): Promise<InputSource> {
  const list = await windowInputs(context, question);
  return list === null ? { list, parts: () => streamedInputs(context, question) } : listSource(list, context.budget);
}
