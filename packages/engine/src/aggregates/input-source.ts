import { LIMITS } from '@pik/schema';
import { allEnded } from '../ports/all-ended.ts';
import type { Budget } from '../runtime/budget.ts';
import type { Context } from '../runtime/context.ts';
import type { WindowInput } from './rules/window-input.ts';
import { streamedInputs } from './streamed-inputs.ts';
import { WindowError } from './window-error.ts';
import { type WindowQuestion, windowInputs } from './window-inputs.ts';

/** Inputs of one part: those of a part are held with their payloads, and read each pack once. */
export const PART_INPUTS = 25_000;

/** The inputs of a window, in order of event time and id, in parts. They may be read more than once. */
export interface InputSource {
  /** Null where they are read anew each time: there are too many to be held. */
  readonly list: readonly WindowInput[] | null;
  parts(): AsyncIterable<readonly WindowInput[]>;
}

/** Takes the parts of a source one by one, in order. */
export interface InputSink {
  add(part: readonly WindowInput[]): Promise<void>;
}

/** The source of inputs that are held; between two parts it awaits the turn of a budget. */
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

/** Reads a source once, for all that is made of it. */
export async function readInto(source: InputSource, sinks: readonly InputSink[]): Promise<void> {
  for await (const part of source.parts()) await allEnded(sinks.map((sink) => sink.add(part)));
}

/**
 * The inputs of a window: held where they are few, else read in parts, as long as the fold can take them one by one.
 *
 * @throws KitError `WINDOW_TOO_LARGE`, `REQUEST_INVALID` for a key that this grouping does not have.
 */
export async function openInputs(context: Context, question: WindowQuestion): Promise<InputSource> {
  const source = await unfoldedInputs(context, question);
  const { additive, reads_payload } = question.aggregate;
  if (source.list === null && reads_payload && !additive) {
    const reason = `it has more than ${LIMITS.window_inputs_max} inputs, and a fold that reads payloads and is not additive takes no more`;
    throw new WindowError(question, { code: 'WINDOW_TOO_LARGE', reason });
  }
  return source;
}

/** The same for those who fold nothing. */
export async function unfoldedInputs(context: Context, question: WindowQuestion): Promise<InputSource> {
  const list = await windowInputs(context, question);
  return list === null ? { list, parts: () => streamedInputs(context, question) } : listSource(list, context.budget);
}
