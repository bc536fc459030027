import { useEffect, useRef } from 'preact/hooks';

/** Actions by key: one character, or two after each other, such as `g l`. */
export type Keys = Readonly<Record<string, () => unknown>>;

const CHORD_MS = 900;

/** Listeners that are on screen, in the order in which they appeared. */
interface Listening {
  /** True for the frame: what is on the page comes first. */
  readonly isFrame: boolean;
  keys(): Keys;
}

const listening = new Set<Listening>();
let before = { key: '', atMs: 0 };

/** True where a key belongs to a field of a form. */
function isTyping(target: EventTarget | null): boolean {
  const fields = 'input:not([type="checkbox"]), select, textarea, [contenteditable]';
  return target instanceof HTMLElement && target.closest(fields) !== null;
}

function actionOf(name: string): (() => unknown) | undefined {
  const all = [...listening].filter(({ keys }) => name in keys());
  return (all.find(({ isFrame }) => !isFrame) ?? all[0])?.keys()[name];
}

function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (isTyping(event.target) || document.querySelector('dialog[open]') !== null) return;
  const isChord = before.key !== '' && event.timeStamp - before.atMs < CHORD_MS;
  const action = (isChord ? actionOf(`${before.key} ${event.key}`) : undefined) ?? actionOf(event.key);
  const names = [...listening].flatMap(({ keys }) => Object.keys(keys()));
  const starts = names.some((name) => name.startsWith(`${event.key} `));
  before = starts ? { key: event.key, atMs: event.timeStamp } : { key: '', atMs: 0 };
  if (action === undefined) return;
  event.preventDefault();
  action();
}

/** Listens to keys while the component is on screen; fields of forms and open dialogs keep theirs. */
export function useKeys(keys: Keys, { isFrame = false }: { readonly isFrame?: boolean } = {}): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const own: Listening = { isFrame, keys: () => latest.current };
    if (listening.size === 0) addEventListener('keydown', onKey);
    listening.add(own);
    return () => {
      listening.delete(own);
      if (listening.size === 0) removeEventListener('keydown', onKey);
    };
  }, []);
}
