import { signal } from '@preact/signals';

import { Dialog } from './dialog.tsx';

/** True while the list of keys is on screen. */
export const helpWanted = signal(false);

const KEYS: readonly (readonly [key: string, text: string])[] = [
  ['/', 'find'],
  ['t', 'follow what arrives; again to stop'],
  ['j, k', 'next and previous row'],
  ['o, Enter', 'open the row'],
  ['Tab, arrows', 'enter a picture, and move through it'],
  ['e', 'explain the row or cell'],
  ['x', 'select the row or cell'],
  ['r', 'plan a replay of it, or of what is selected'],
  ['v', 'show the tables of the pictures'],
  ['.', 'ask as of another time'],
  ['c', 'pin answers of this page to the case'],
  ['y', 'copy a link to this page, as of now'],
  ['Esc', 'back'],
  ['?', 'this list'],
];

/** The list of keys. */
export function Help({ places }: { readonly places: readonly { readonly name: string; readonly key: string }[] }) {
  const rows = [...places.map(({ name, key }) => [`g ${key}`, name] as const), ...KEYS];
  return (
    <Dialog open={helpWanted.value} title="Keys" onClose={() => (helpWanted.value = false)}>
      <dl class="keys">
        {rows.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <button type="button" onClick={() => (helpWanted.value = false)}>
        Close
      </button>
    </Dialog>
  );
}
