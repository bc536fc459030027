import { useState } from 'preact/hooks';

import { apiKey, keyWanted, setApiKey } from '../state/key.ts';
import { Dialog } from './dialog.tsx';

/** Asks for the API key. */
export function KeyDialog() {
  const [text, setText] = useState('');
  const close = () => {
    keyWanted.value = false;
    setText('');
  };
  const forget = () => {
    setApiKey(null);
    close();
  };
  const save = (event: Event) => {
    event.preventDefault();
    setApiKey(text.trim() === '' ? null : text.trim());
    close();
  };
  return (
    <Dialog open={keyWanted.value} title="API key" onClose={close}>
      <form onSubmit={save}>
        <p>This tab keeps the key until it closes, and sends it only in the header of its requests.</p>
        <label class="field">
          Key with the scope <code>investigate</code>
          <input
            type="password"
            autocomplete="off"
            spellcheck={false}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <p class="row">
          <button type="submit" class="primary">
            Use this key
          </button>
          {apiKey.value !== null && (
            <button type="button" onClick={forget}>
              Forget the key
            </button>
          )}
          <button type="button" onClick={close}>
            Cancel
          </button>
        </p>
      </form>
    </Dialog>
  );
}
