import { signal } from '@preact/signals';

const NAME = 'pik.key';

/** The API key of this tab; null without one. It leaves the tab in the header `Authorization` only. */
export const apiKey = signal<string | null>(sessionStorage.getItem(NAME));

/** True while the page asks for a key. */
export const keyWanted = signal(false);

/** Keeps a key until the tab closes; null forgets it. */
export function setApiKey(key: string | null): void {
  if (key === null) sessionStorage.removeItem(NAME);
  else sessionStorage.setItem(NAME, key);
  apiKey.value = key;
}
