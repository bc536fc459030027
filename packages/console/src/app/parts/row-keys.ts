import type { Keys } from './keys.ts';

/** Presses the first element that matches; returns whether there is one. */
function clickIn(root: ParentNode | null | undefined, selector: string): boolean {
  const found = root?.querySelector<HTMLElement>(selector) ?? null;
  found?.click();
  return found !== null;
}

/** Presses an element of the row that has the focus. */
const clickInRow = (selector: string) => clickIn(document.activeElement?.closest('main tr'), selector);

/** Explain, select and plan: of the row that has the focus, or of the page. Elements name their key as `data-key`. */
export const ROW_KEYS: Keys = {
  e: () => clickInRow('[data-key="e"]') || clickIn(document, 'main [data-key="e"]') || clickInRow('a'),
  r: () => clickInRow('[data-key="r"]') || clickIn(document, 'main [data-key="r"]'),
  x: () => clickInRow('input[type="checkbox"]'),
};
