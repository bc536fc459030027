import type { Match } from '@pik/schema';
import { counted } from '@pik/schema/words';
import { useState } from 'preact/hooks';

import { timeText } from '../parts/axis.ts';
import { useKeys } from '../parts/keys.ts';
import { LongList } from '../parts/long-list.tsx';
import { Failed } from '../parts/states.tsx';
import { seriesName, wordOf } from '../parts/words.ts';
import { type Address, useAddress } from '../state/address.ts';
import { expressionOf, filtered } from '../state/expression.ts';
import { keyOf, type ReceiptActions, type Receipts, useReceipts } from '../state/receipts.ts';
import { scopeFields } from '../state/scope.ts';
import { EventSheet } from './event-sheet.tsx';

/** The receipts that match the expression of the address, and those that arrive. */
export function ReceiptList() {
  const address = useAddress();
  const { fields, go, link } = address;
  const [isAtTop, setAtTop] = useState(true);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const where = filtered(expressionOf(fields.q ?? ''), { source: fields.source, type: fields.type });
  const { start_time, end_time, as_of, time_zone } = scopeFields(fields);
  const [receipts, actions] = useReceipts({
    values: { where, start_time, end_time, as_of, time_zone },
    isLive: fields.live !== undefined,
    isHeld: !isAtTop,
  });
  const events = receipts.rows.filter((row) => selected.has(keyOf(row))).flatMap(({ event_id }) => event_id ?? []);
  const plan = link('/replays/new', { event: [...new Set(events)].join(',') });
  useKeys({ r: () => events.length > 0 && go(plan) });
  const toggle = (key: string) => {
    const next = new Set(selected);
    if (!next.delete(key)) next.add(key);
    setSelected(next);
  };
  if (receipts.error !== null && receipts.rows.length === 0)
    return <Failed error={receipts.error} retry={actions.more} />;
  return (
    <>
      <Bar receipts={receipts} actions={actions} where={where} />
      {events.length > 0 && (
        <p class="row bar-row">
          {counted(events.length, 'event')} selected <a href={plan}>Plan a replay</a>
          <button type="button" onClick={() => setSelected(new Set())}>
            Select none
          </button>
        </p>
      )}
      {receipts.error !== null && <Failed error={receipts.error} retry={actions.more} />}
      <div class={fields.open === undefined ? '' : 'beside'}>
        <div class="table found">
          {receipts.held > 0 && <Held count={receipts.held} release={actions.release} />}
          <List rows={receipts.rows} {...{ selected, toggle, setAtTop, address }} />
          {receipts.rows.length === 0 && <Nothing receipts={receipts} />}
          {receipts.search === 'more' && (
            <button type="button" class="more" onClick={actions.more}>
              Search on
            </button>
          )}
        </div>
        {fields.open !== undefined && (
          <EventSheet of={fields.open} close={link('/events', { ...fields, open: null })} />
        )}
      </div>
    </>
  );
}

/** Puts what arrived on top, and goes there. */
function Held({ count, release }: { count: number; release: () => void }) {
  return (
    <button
      type="button"
      class="held primary"
      onClick={(event) => {
        event.currentTarget.parentElement?.querySelector('.long')?.scrollTo({ top: 0 });
        release();
      }}
    >
      {count.toLocaleString('en-US')} new ↑
    </button>
  );
}

const TAILS = {
  connecting: 'connecting …',
  live: 'live',
  polling: 'asks every 2 s',
  lost: 'the server cannot be reached; trying again',
} as const;

/** How far the search has come, and what arrives. */
function Bar({ receipts, actions, where }: { receipts: Receipts; actions: ReceiptActions; where: string | undefined }) {
  const { progress, search, tail, skipped, unreadable, rows } = receipts;
  const { fields } = useAddress();
  const packs = progress === null ? '' : progressText(progress);
  return (
    <p class="row bar-row">
      <span aria-live="polite">
        {search === 'on' ? `${packs === '' ? 'Searching …' : packs}` : packs}
        {progress === null && search !== 'on' && counted(rows.length, 'receipt')}
      </span>
      {search === 'on' && (
        <button type="button" onClick={actions.stop}>
          Stop
        </button>
      )}
      {search === 'stopped' && (
        <button type="button" onClick={actions.more}>
          Go on
        </button>
      )}
      {tail !== null && (
        <span class={`badge ${tail === 'lost' ? 'bad' : 'ok'}`} role="status">
          {TAILS[tail]}
        </span>
      )}
      {skipped > 0 && (
        <span class="warn">
          … {skipped.toLocaleString('en-US')} more arrived too fast for this list; a search finds them
        </span>
      )}
      {unreadable > 0 && <span class="badge warn">{counted(unreadable, 'pack')} could not be read</span>}
      {where !== undefined && where !== fields.q && (
        <span class="dim any">
          where <code>{where}</code>
        </span>
      )}
    </p>
  );
}

function progressText({ packs, packs_total, receipts, matched }: NonNullable<Receipts['progress']>): string {
  const of = packs_total === null || packs_total <= packs ? '' : ` of ${packs_total.toLocaleString('en-US')}`;
  return `Scanned ${packs.toLocaleString('en-US')}${of} packs with ${counted(receipts, 'receipt')} · ${counted(matched, 'match', 'matches')}`;
}

function Nothing({ receipts: { search, tail } }: { receipts: Receipts }) {
  const { fields, link } = useAddress();
  if (search === 'on') return null;
  return (
    <p class="empty">
      {tail === null ? 'No receipt of this range matches. ' : 'Nothing matched yet. New matches appear here. '}
      {fields.from !== 'all' && <a href={link('/events', { ...fields, from: 'all', to: null })}>Search all time</a>}
    </p>
  );
}

interface ListProps {
  readonly rows: readonly Match[];
  readonly selected: ReadonlySet<string>;
  toggle(key: string): void;
  setAtTop(isAtTop: boolean): void;
  readonly address: Address;
}

function List({ rows, selected, toggle, setAtTop, address: { fields, link } }: ListProps) {
  const zone = fields.tz ?? 'UTC';
  return (
    <LongList<Match>
      title="Receipts that match, the last stored first"
      rows={rows}
      keyOf={keyOf}
      hrefOf={(match) => link('/events', { ...fields, open: match.event_id ?? keyOf(match) })}
      selected={selected}
      onSelect={toggle}
      onTop={setAtTop}
      columns={[
        { name: 'Received', size: 'time', cell: ({ received_at }) => timeText(received_at, zone) },
        { name: 'Outcome', size: 'short', cell: (match) => <OutcomeOf match={match} /> },
        { name: 'Entity', cell: ({ entity_id }) => entity_id ?? '–' },
        {
          name: 'Series',
          wide: true,
          cell: ({ source, event_type }) =>
            source === null && event_type === null
              ? '–'
              : seriesName({ source: source ?? undefined, event_type: event_type ?? undefined }),
        },
        {
          name: 'Happened',
          size: 'time',
          wide: true,
          cell: ({ event_time }) => (event_time === null ? '–' : timeText(event_time, zone)),
        },
      ]}
    />
  );
}

function OutcomeOf({ match: { outcome, reject_code } }: { match: Match }) {
  const look = outcome === 'REJECTED' || outcome === 'CONFLICT' ? 'bad' : '';
  return <span class={`badge ${look}`}>{reject_code ?? (outcome === null ? 'pending' : wordOf(outcome))}</span>;
}
