import type { ComponentChildren } from 'preact';
import { ROOT, useAddress } from '../state/address.ts';
import type { Answered } from '../state/answers.ts';
import type { ApiError } from '../state/api.ts';
import { keyWanted } from '../state/key.ts';

/** Lines in place of an answer that is on its way. */
export function Loading({ what }: { readonly what: string }) {
  return (
    <div class="loading" role="status" aria-label={`Loading ${what}`}>
      <i />
      <i />
      <i />
    </div>
  );
}

/** An error and the way out of it: a key, another key, or another attempt. */
export function Failed({ error, retry }: { readonly error: ApiError; readonly retry?: () => void }) {
  const needsKey = error.code === 'UNAUTHENTICATED';
  const lacksScope = error.code === 'FORBIDDEN';
  const title = needsKey ? 'This server requires a key' : lacksScope ? 'This key may not see that' : 'No answer';
  return (
    <section class="notice bad" role="alert">
      <h2>{title}</h2>
      <p>{error.message}</p>
      <p class="row">
        <code>{error.code}</code>
        {needsKey || lacksScope ? (
          <button type="button" class="primary" onClick={() => (keyWanted.value = true)}>
            {needsKey ? 'Enter a key' : 'Use another key'}
          </button>
        ) : (
          retry && (
            <button type="button" onClick={retry}>
              Try again
            </button>
          )
        )}
      </p>
    </section>
  );
}

/** Shows an answer, or its state: loading, failed. */
export function Shown<A>(props: {
  readonly of: Answered<A>;
  readonly what: string;
  readonly children: (answer: A) => ComponentChildren;
}) {
  const { of, what, children } = props;
  if (of.data !== undefined) return <>{children(of.data)}</>;
  if (of.error !== null) return <Failed error={of.error} retry={of.refetch} />;
  return <Loading what={what} />;
}

/** The sentence of the server about a range without events, and what to do about it. */
export function Empty({ sentence }: { readonly sentence: string }) {
  const { link, fields } = useAddress();
  const server = `${location.origin}${ROOT}`;
  const narrowed =
    (fields.from !== undefined && fields.from !== 'all') ||
    ['to', 'source', 'type', 'as_of'].some((name) => fields[name] !== undefined);
  return (
    <section class="notice">
      <h2>No events here</h2>
      <p>{sentence}</p>
      {narrowed ? (
        <p>
          <a href={link('/', { from: 'all', to: null, source: null, type: null, as_of: null, imported: 'true' })}>
            Show all time, every source, with imports
          </a>
        </p>
      ) : (
        <>
          <p>Send the first event to this server:</p>
          <pre class="code">{`curl ${server}ingest -H 'Content-Type: application/json' -d '{"source":"checkout","event_type":"order.placed","entity_id":"order-1","event_time":"${new Date().toISOString()}","payload":{"total":12}}'`}</pre>
          <p class="dim">This page asks again when you reload it. `pik import FILE` sends the records of a file.</p>
        </>
      )}
    </section>
  );
}

/** Limits of an answer: partial, unsettled, a page of a longer list, notes. */
export function Limits(props: {
  readonly partial?: boolean | undefined;
  readonly unsettled?: boolean | undefined;
  readonly notes?: readonly string[] | undefined;
  readonly covered?: { readonly start_time: string | null; readonly end_time: string | null } | null | undefined;
}) {
  const { partial = false, unsettled = false, notes = [], covered } = props;
  if (!partial && !unsettled && notes.length === 0) return null;
  return (
    <p class="limits">
      {partial && <span class="badge warn">partial</span>}
      {unsettled && <span class="badge warn">unsettled</span>}
      {partial && covered && (
        <span>
          covers {covered.start_time ?? 'the start'} to {covered.end_time ?? 'the end'}.{' '}
        </span>
      )}
      {unsettled && <span>Receipts of the last moments may still be added. </span>}
      {notes.join(' ')}
    </p>
  );
}
