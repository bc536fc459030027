import { ROUTES } from '@pik/schema';

import { caseHtml, type Pin } from '../../case/case-file.ts';
import { timeText } from '../parts/axis.ts';
import { Page } from '../parts/page.tsx';
import { ROOT, useAddress } from '../state/address.ts';
import { clearCase, openCase, saveCase } from '../state/pins.ts';

/** The pinned answers of this browser, with notes; exported as one file. */
export default function CasePage() {
  const { title, pins } = openCase.value;
  return (
    <Page title="Case" lead="Pinned answers with notes. This browser keeps the case until you clear it.">
      {pins.length === 0 ? (
        <section class="notice">
          <h2>Nothing is pinned</h2>
          <p>
            <kbd>c</kbd> or Pin on any page adds its answers here, with the question, the as-of time and a hash.
          </p>
        </section>
      ) : (
        <>
          <div class="panel row">
            <label class="field grow">
              Title
              <input value={title} onInput={(event) => saveCase({ title: event.currentTarget.value })} />
            </label>
            <button type="button" class="primary" onClick={exportCase}>
              Export as one file
            </button>
            <button type="button" onClick={clearCase}>
              Clear
            </button>
          </div>
          {pins.map((pin, index) => (
            <PinPanel key={`${pin.answer_sha256} ${pin.asked_at}`} pin={pin} index={index} />
          ))}
          <p class="dim">`pik verify-case FILE` asks every question of the file again and compares the answers.</p>
        </>
      )}
    </Page>
  );
}

function PinPanel({ pin, index }: { pin: Pin; index: number }) {
  const { fields } = useAddress();
  const { question, path, as_of, note, answer, answer_sha256 } = pin;
  const { pins } = openCase.value;
  const write = (text: string) => saveCase({ pins: pins.with(index, { ...pin, note: text }) });
  return (
    <section class="panel">
      <h2>{ROUTES[question].summary}</h2>
      <dl class="facts">
        <dt>asked</dt>
        <dd>
          <code>GET /{path}</code>
        </dd>
        <dt>as of</dt>
        <dd>{as_of === null ? 'the time it was asked' : timeText(as_of, fields.tz ?? 'UTC')}</dd>
        <dt>sha256</dt>
        <dd>
          <code>{answer_sha256}</code>
        </dd>
      </dl>
      <label class="field">
        Note
        <textarea rows={2} value={note} onChange={(event) => write(event.currentTarget.value)} />
      </label>
      <details>
        <summary>The answer</summary>
        <pre class="code">{JSON.stringify(answer, null, 2)}</pre>
      </details>
      <button type="button" onClick={() => saveCase({ pins: pins.toSpliced(index, 1) })}>
        Remove
      </button>
    </section>
  );
}

/** Hands the case to the browser as a download. */
function exportCase(): void {
  const { title, pins } = openCase.value;
  const server = `${location.origin}${ROOT}`;
  const html = caseHtml({ format: 'pik-case-1', title, server, exported_at: new Date().toISOString(), pins });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([html], { type: 'text/html' }));
  link.download = `${title.replace(/[^\w.-]+/g, '-').slice(0, 60) || 'case'}.html`;
  link.click();
  URL.revokeObjectURL(link.href);
}
