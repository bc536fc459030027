import { useEffect, useRef, useState } from 'preact/hooks';
import { findWanted } from '../parts/find-wanted.ts';
import { useKeys } from '../parts/keys.ts';
import { Page, Scoped } from '../parts/page.tsx';
import { useAddress } from '../state/address.ts';
import { EventsOfEntity, EventsOfRange } from './events-in-time.tsx';
import { ReceiptList } from './receipt-list.tsx';

/** Which events are there, and which arrive? */
export default function Find() {
  const { fields } = useAddress();
  const { q, live, entity } = fields;
  const isSearch = q !== undefined || live !== undefined;
  return (
    <Page
      title="Find"
      lead={isSearch ? 'Receipts that match, the last stored first.' : 'Events in order of event time.'}
    >
      <FindBox key={q ?? entity ?? ''} />
      {isSearch ? (
        <ReceiptList />
      ) : entity === undefined ? (
        <Scoped>{(scope) => <EventsOfRange scope={scope} />}</Scoped>
      ) : (
        <EventsOfEntity entity={entity} />
      )}
    </Page>
  );
}

const EXAMPLES = ['outcome = REJECTED', 'payload.total_cents > 5000', 'entity_id.startsWith("order-")'];

/** An id of an event opens it; every other text is searched for. */
function FindBox() {
  const { fields, link, go, set } = useAddress();
  const { q, entity, live } = fields;
  const [text, setText] = useState(q ?? '');
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (findWanted.value) box.current?.focus();
    findWanted.value = false;
  }, [findWanted.value]);
  const open = (event: Event) => {
    event.preventDefault();
    const named = text.trim();
    if (/^[0-9a-v]{47}$/.test(named)) return go(link(`/events/${named}`));
    set({ q: named === '' ? null : named, entity: null, cursor: null, open: null });
  };
  return (
    <>
      <form class="row lookup" onSubmit={open}>
        <input
          ref={box}
          aria-label="Find: words, an expression, or the id of an event"
          placeholder="Words, an expression such as payload.order_id = 4711, or the id of an event"
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button type="submit">Find</button>
        {entity !== undefined && (
          <span class="chip">
            <span class="dim">entity</span> {entity}{' '}
            <a href={link('/events')}>
              ×<span class="unseen"> all entities</span>
            </a>
          </span>
        )}
        <LiveButton />
      </form>
      {q === undefined && live === undefined && (
        <p class="row examples">
          <span class="dim">Such as</span>
          {EXAMPLES.map((example) => (
            <a key={example} href={link('/events', { q: example })}>
              <code>{example}</code>
            </a>
          ))}
        </p>
      )}
    </>
  );
}

/** Follows what arrives, from now on. */
function LiveButton() {
  const { fields, set } = useAddress();
  const { live, as_of, to } = fields;
  const isPast = as_of !== undefined || to !== undefined;
  const toggle = () => set({ live: live === undefined ? 'true' : null, entity: null, cursor: null });
  useKeys({ t: () => (live !== undefined || !isPast) && toggle() });
  return (
    <button
      type="button"
      aria-pressed={live !== undefined}
      disabled={isPast && live === undefined}
      title={isPast ? 'Nothing arrives in a range that has ended' : 'Follow what arrives (t)'}
      onClick={toggle}
    >
      <i class={`dot ${live === undefined ? '' : 'on'}`} /> Live
    </button>
  );
}
