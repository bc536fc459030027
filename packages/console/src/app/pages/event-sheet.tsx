import { Envelope } from '../parts/envelope.tsx';
import { Bytes } from '../parts/payload.tsx';
import { Shown } from '../parts/states.tsx';
import { useAddress } from '../state/address.ts';
import { useAnswer } from '../state/answers.ts';
import { Steps } from './story.tsx';

/** One event or rejected receipt next to the list that it was opened from. `of` is an event id, or a receipt as `pack/line`. */
export function EventSheet({ of, close }: { readonly of: string; readonly close: string }) {
  const [pack, line] = of.split('/');
  return (
    <aside class="sheet panel" aria-label="One event">
      <p class="row sheet-head">
        <b>{line === undefined ? 'Event' : 'Receipt'}</b>
        <a class="button" href={close} aria-label="Close the event">
          ×
        </a>
      </p>
      {line === undefined ? <OneEvent key={of} id={of} /> : <OneReceipt key={of} pack={pack ?? ''} line={line} />}
    </aside>
  );
}

function OneEvent({ id }: { id: string }) {
  const { fields, link } = useAddress();
  const story = useAnswer('event', { event_id: id, as_of: fields.as_of, time_zone: fields.tz });
  return (
    <Shown of={story} what="the story of the event">
      {(answer) => (
        <>
          <p>{answer.summary}</p>
          <p>
            <a href={link(`/events/${id}`)}>Its whole story</a>
          </p>
          {answer.event !== null && <Steps story={answer} event={answer.event} />}
          {answer.bytes?.body !== undefined && <Bytes text={answer.bytes.body} />}
        </>
      )}
    </Shown>
  );
}

function OneReceipt({ pack, line }: { pack: string; line: string }) {
  const { link } = useAddress();
  const answer = useAnswer('receipt', { pack_id: pack, line });
  return (
    <Shown of={answer} what="the receipt">
      {(receipt) => (
        <>
          <Envelope receipt={receipt} />
          <Bytes text={receipt.body ?? receipt.body_base64 ?? ''} />
          <p>
            <a href={link(`/receipts/${pack}/${line}`)}>This receipt alone</a>
          </p>
        </>
      )}
    </Shown>
  );
}
