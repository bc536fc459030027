import { signal } from '@preact/signals';

import type { Asked, Values } from './api.ts';

/** An answer that is on screen. */
export interface Shown {
  readonly name: Asked;
  readonly values: Values;
  readonly answer: unknown;
}

/** The answers on screen by question, which a case can pin. */
export const onPage = signal<ReadonlyMap<string, Shown>>(new Map());

/** Notes an answer that is on screen; returns what removes it. */
export function noteShown(key: string, shown: Shown): () => void {
  onPage.value = new Map(onPage.value).set(key, shown);
  return () => {
    const rest = new Map(onPage.value);
    rest.delete(key);
    onPage.value = rest;
  };
}
