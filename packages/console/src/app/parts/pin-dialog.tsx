import { ROUTES } from '@pik/schema';
import { useState } from 'preact/hooks';

import { answerHash, type Pin } from '../../case/case-file.ts';
import { questionPath, type Values } from '../state/api.ts';
import { onPage, type Shown } from '../state/on-page.ts';
import { openCase, pinWanted, saveCase } from '../state/pins.ts';
import { Dialog } from './dialog.tsx';

/** Questions that take an as-of time. */
const takesAsOf = (name: Shown['name']) => 'as_of' in (ROUTES[name].fields ?? {});

/** Bounds of an answer that replace relative ones of its question, so that it can be asked again. */
interface Bounds {
  readonly as_of?: string;
  readonly range?: { readonly start_time: string | null; readonly end_time: string | null; readonly as_of: string };
}

/** Pins an answer: the question with its times fixed, the answer, and its hash. */
function pinOf({ name, values, answer }: Shown, note: string): Pin {
  const { as_of, range } = answer as Bounds;
  const asOf = takesAsOf(name) ? (range?.as_of ?? as_of ?? null) : null;
  const fixed: Values = {
    ...values,
    ...(range === undefined ? {} : { start_time: range.start_time, end_time: range.end_time }),
    ...(asOf === null ? {} : { as_of: asOf }),
  };
  return {
    ...{ question: name, path: questionPath(name, fixed), asked_at: new Date().toISOString(), as_of: asOf, note },
    ...{ answer, answer_sha256: answerHash(answer) },
  };
}

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
