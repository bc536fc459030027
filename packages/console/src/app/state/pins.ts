import { signal } from '@preact/signals';

import type { Pin } from '../../case/case-file.ts';

const NAME = 'pik.case';

/** The open case of this browser. */
export interface OpenCase {
  readonly title: string;
  readonly pins: readonly Pin[];
}

const EMPTY: OpenCase = { title: 'Untitled case', pins: [] };

function stored(): OpenCase {
  try {
    return { ...EMPTY, ...(JSON.parse(localStorage.getItem(NAME) ?? '{}') as Partial<OpenCase>) };
  } catch {
    return EMPTY;
  }
}

/** The open case. It stays in this browser, answers included, until it is cleared. */
export const openCase = signal<OpenCase>(stored());

/** True while the page asks which of its answers to pin. */
export const pinWanted = signal(false);

/** Changes the open case. False if the browser has no room for it; then nothing changes. */
export function saveCase(change: Partial<OpenCase>): boolean {
  const next = { ...openCase.value, ...change };
  try {
    localStorage.setItem(NAME, JSON.stringify(next));
  } catch {
    return false;
  }
  openCase.value = next;
  return true;
}

/** Empties the open case. */
export function clearCase(): void {
  localStorage.removeItem(NAME);
  openCase.value = EMPTY;
}
