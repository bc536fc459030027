import { textOf } from '../compact/hour-file.ts';
import type { Backend } from '../ports/backend.ts';
import { readPages } from '../runtime/pages.ts';
import {
  ERASURES_PREFIX,
  type ErasureIntent,
  type ErasurePlan,
  type ErasureRecord,
  erasureKeys,
  erasureOfKey,
  parseObject,
  parsePlan,
} from './rules/erasure-files.ts';

type Files = Pick<Backend, 'files'>;

/** The ids of all erasures, oldest first. */
export async function erasureIds({ files }: Files): Promise<string[]> {
  const ids = new Set<string>();
  for await (const key of readPages((cursor) => files.list(ERASURES_PREFIX, cursor))) {
    const id = erasureOfKey(key);
    if (id !== null) ids.add(id);
  }
  return [...ids].sort();
}

/** The request of an erasure; null if it is finished, or unknown. */
export function readIntent(backend: Files, erasureId: string): Promise<ErasureIntent | null> {
  return readObject(backend, erasureKeys(erasureId).intent);
}

/** The record of a finished erasure; null if it is not finished, or unknown. */
export function readRecord(backend: Files, erasureId: string): Promise<ErasureRecord | null> {
  return readObject(backend, erasureKeys(erasureId).record);
}

/** The ids of erasures that were begun and are not finished, oldest first. */
export async function unfinishedIds({ files }: Files): Promise<string[]> {
  const ids: string[] = [];
  for await (const key of readPages((cursor) => files.list(ERASURES_PREFIX, cursor))) {
    const id = erasureOfKey(key);
    if (id !== null && key === erasureKeys(id).intent) ids.push(id);
  }
  return ids.sort();
}

/** The plans of an erasure, in order. */
export async function readPlans({ files }: Files, erasureId: string): Promise<ErasurePlan[]> {
  const plans: ErasurePlan[] = [];
  for (;;) {
    const key = erasureKeys(erasureId).plan(plans.length + 1);
    const bytes = await files.get(key);
    if (bytes === null) return plans;
    plans.push(parsePlan(textOf(bytes), key));
  }
}

/** Stores an object; the same object again is accepted. */
export async function putObject({ files }: Files, key: string, value: object): Promise<void> {
  await files.put(key, new TextEncoder().encode(`${JSON.stringify(value)}\n`));
}

async function readObject<T extends object>({ files }: Files, key: string): Promise<T | null> {
  const bytes = await files.get(key);
  return bytes === null ? null : parseObject<T>(textOf(bytes), key);
}
