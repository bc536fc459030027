import { useAddress } from '../state/address.ts';

/** An event or a receipt that a finding follows from. */
interface Evidence {
  readonly event_id?: string | undefined;
  readonly pack_id?: string | undefined;
  readonly line?: number | undefined;
}

const SHOWN_MAX = 3;

/** Links to the first events and receipts of a finding. `changes` are fields of the address of an event. */
export function EvidenceLinks(props: {
  readonly evidence: readonly Evidence[];
  readonly changes?: Readonly<Record<string, string | null>>;
}) {
  const { link } = useAddress();
  return (
    <>
      {props.evidence.slice(0, SHOWN_MAX).map(({ event_id, pack_id, line }) =>
        event_id !== undefined ? (
          <a key={event_id} href={link(`/events/${event_id}`, props.changes)}>
            event{' '}
          </a>
        ) : pack_id !== undefined && line !== undefined ? (
          <a key={`${pack_id}/${line}`} href={link(`/receipts/${pack_id}/${line}`)}>
            receipt{' '}
          </a>
        ) : null,
      )}
    </>
  );
}
