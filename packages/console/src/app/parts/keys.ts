import { useEffect, useRef } from 'preact/hooks';

/** Actions by key: one character, or two after each other, such as `g l`. */
export type Keys = Readonly<Record<string, () => unknown>>;

const CHORD_MS = 900;

/** True where a key belongs to a field of a form. */
function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    target.closest('input:not([type="checkbox"]), select, textarea, [contenteditable]') !== null
  );
}

/** Listens to keys while the component is on screen; fields of forms and open dialogs keep theirs. */
export function useKeys(keys: Keys): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    let before = { key: '', atMs: 0 };
    const listen = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (isTyping(event.target) || document.querySelector('dialog[open]') !== null) return;
      const isChord = before.key !== '' && event.timeStamp - before.atMs < CHORD_MS;
      const action = (isChord ? latest.current[`${before.key} ${event.key}`] : undefined) ?? latest.current[event.key];
      const starts = Object.keys(latest.current).some((name) => name.startsWith(`${event.key} `));
      before = starts ? { key: event.key, atMs: event.timeStamp } : { key: '', atMs: 0 };
      if (action === undefined) return;
      event.preventDefault();
      action();
    };
    addEventListener('keydown', listen);
    return () => removeEventListener('keydown', listen);
  }, []);
}
