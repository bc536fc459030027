import type { ReplayView } from '@pik/schema';

import { minuteText } from '../parts/axis.ts';
import { Page } from '../parts/page.tsx';
import { selectionText } from '../parts/selection.ts';
import { Limits, Shown } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { useAddress } from '../state/address.ts';
import { useAnswer } from '../state/answers.ts';

type Listed = Omit<ReplayView, 'windows' | 'failures'>;

/** Who replayed what, when and why? */
export default function Replays() {
  const { fields, link, set } = useAddress();
  const page = useAnswer('replays', { limit: 50, cursor: fields.cursor }, { everyMs: 5000, keep: true });
  const zone = fields.tz ?? 'UTC';
  return (
    <Page
      title="Replays"
      lead="Past events sent again, so that their values are recomputed."
      actions={
        <a class="button primary" href={link('/replays/new')}>
          Plan a replay
        </a>
      }
    >
      <Shown of={page} what="replays">
        {({ replays, next_cursor, partial, notes }) => (
          <>
            <Limits partial={partial} notes={notes} />
            {replays.length === 0 ? (
              <section class="notice">
                <h2>No replays yet</h2>
                <p>A plan shows which values a replay would change, and to what, before anything is sent.</p>
              </section>
            ) : (
              <Table<Listed>
                title="The latest first"
                rows={replays}
                keyOf={({ replay_id }) => replay_id}
                hrefOf={({ replay_id }) => link(`/replays/${replay_id}`)}
                columns={[
                  { name: 'Reason', cell: ({ reason }) => reason ?? 'without a reason' },
                  { name: 'Status', cell: ({ status }) => <Status status={status} /> },
                  { name: 'Requested', fixed: true, cell: ({ requested_at }) => minuteText(requested_at, zone) },
                  { name: 'By', cell: ({ requested_by }) => requested_by ?? 'without a key' },
                  { name: 'Selection', wide: true, cell: ({ selection }) => selectionText(selection) },
                  { name: 'Sent', end: true, cell: ({ sent }) => sent.toLocaleString('en-US') },
                ]}
                more={
                  next_cursor !== null && (
                    <button type="button" class="more" onClick={() => set({ cursor: next_cursor })}>
                      Earlier replays
                    </button>
                  )
                }
              />
            )}
          </>
        )}
      </Shown>
    </Page>
  );
}

/** The state of a replay. */
export function Status({ status }: { readonly status: ReplayView['status'] }) {
  const look = { RUNNING: 'warn', COMPLETE: 'ok', CANCELLED: 'bad' }[status];
  return <span class={`badge ${look}`}>{status.toLowerCase()}</span>;
}
