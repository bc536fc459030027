import { ROUTES } from '@pik/schema';
import { useState } from 'preact/hooks';

import { onPage } from '../state/on-page.ts';
import { openCase, pinWanted, saveCase } from '../state/pins.ts';
import { Dialog } from './dialog.tsx';
import { pinOf } from './pin-of.ts';

/** Asks which answers of the page to pin, and for a note. */
export default function PinDialog() {
  const shown = [...onPage.value];
  const [chosen, setChosen] = useState(() => new Set(shown.map(([key]) => key)));
  const [note, setNote] = useState('');
  const [isFull, setFull] = useState(false);
  const close = () => {
    pinWanted.value = false;
  };
  const toggle = (key: string) => {
    const next = new Set(chosen);
    if (!next.delete(key)) next.add(key);
    setChosen(next);
  };
  const save = (event: Event) => {
    event.preventDefault();
    const pins = shown.filter(([key]) => chosen.has(key)).map(([, one]) => pinOf(one, note.trim()));
    if (saveCase({ pins: [...openCase.value.pins, ...pins] })) close();
    else setFull(true);
  };
  return (
    <Dialog open={pinWanted.value} title="Pin to the case" onClose={close}>
      <form onSubmit={save}>
        <div>
          {shown.map(([key, { name, values }]) => (
            <label key={key} class="check">
              <input type="checkbox" checked={chosen.has(key)} onChange={() => toggle(key)} />
              {ROUTES[name].summary} {values.by === undefined ? '' : `By ${values.by}.`}
            </label>
          ))}
        </div>
        <label class="field">
          Note
          <textarea rows={3} value={note} onInput={(event) => setNote(event.currentTarget.value)} />
        </label>
        {isFull && (
          <p class="bad">The browser has no room for these answers. Export the case and clear it, or pin fewer.</p>
        )}
        <p class="row">
          <button type="submit" class="primary" disabled={chosen.size === 0}>
            Pin {chosen.size === 1 ? '1 answer' : `${chosen.size} answers`}
          </button>
          <button type="button" onClick={close}>
            Cancel
          </button>
        </p>
      </form>
    </Dialog>
  );
}
