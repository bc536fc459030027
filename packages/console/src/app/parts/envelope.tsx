import type { Receipt as ReceiptAnswer } from '@pik/schema';

import { useAddress } from '../state/address.ts';
import { timeText } from './axis.ts';
import { type Fact, FactList } from './facts.tsx';

/** The facts of a receipt besides its bytes. */
export function Envelope({ receipt }: { receipt: ReceiptAnswer }) {
  const { link, fields } = useAddress();
  const {
    received_at,
    reject_code,
    event_id,
    principal,
    imported,
    request_id,
    raw_key,
    source,
    event_type,
    entity_id,
    reingest_of,
  } = receipt;
  const facts: Fact[] = [
    ['received', timeText(received_at, fields.tz ?? 'UTC')],
    ['outcome', reject_code === null ? 'admitted' : <span class="badge bad">{reject_code}</span>],
    ['event', event_id === null ? '–' : <a href={link(`/events/${event_id}`)}>{event_id}</a>],
    ['source', source ?? '–'],
    ['type', event_type ?? '–'],
    ['entity', entity_id === null ? '–' : <a href={link('/events', { entity: entity_id })}>{entity_id}</a>],
    ['key of the sender', principal ?? 'without a key'],
    ['imported', imported ? 'yes' : 'no'],
    ['request', <code key="request">{request_id}</code>],
    ['stored in', <code key="raw">{raw_key}</code>],
  ];
  if (reingest_of !== undefined) {
    const again = `${reingest_of.pack_id}/${reingest_of.line}`;
    facts.push([
      'sent again for',
      <a key="again" href={link(`/receipts/${again}`)}>
        {again}
      </a>,
    ]);
  }
  return <FactList facts={facts} />;
}
