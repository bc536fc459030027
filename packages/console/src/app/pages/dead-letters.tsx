import type { DeadLetter } from '@pik/schema';
import { counted } from '@pik/schema/words';
import { useState } from 'preact/hooks';

import { minuteText } from '../parts/axis.ts';
import { Page } from '../parts/page.tsx';
import { Failed, Limits, Shown } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { useAddress } from '../state/address.ts';
import { useAnswer } from '../state/answers.ts';
import { type ApiError, errorOf } from '../state/api.ts';
import { investigator } from '../state/investigator.ts';

/** Which messages could not be processed? */
export default function DeadLetters() {
  const { fields } = useAddress();
  const page = useAnswer('deadLetters', { limit: 200, cursor: fields.cursor });
  const [error, setError] = useState<ApiError | null>(null);
  const redrive = (ids?: readonly string[]) =>
    investigator()
      .redriveDeadLetters(ids)
      .then(page.refetch, (cause) => setError(errorOf(cause)));
  return (
    <Page
      title="Dead letters"
      lead="Messages that failed in five deliveries; they wait here until somebody puts them back."
    >
      {error !== null && <Failed error={error} retry={() => setError(null)} />}
      <Shown of={page} what="dead letters">
        {({ dead_letters, partial, notes }) => (
          <>
            <Limits partial={partial} notes={notes} />
            {dead_letters.length === 0 ? (
              <section class="notice">
                <h2>No dead letters</h2>
                <p>Every message of every replay was processed, or is still in the queue.</p>
              </section>
            ) : (
              <>
                <p class="row bar-row">
                  <button type="button" class="primary" onClick={() => void redrive()}>
                    Put all back into the queue
                  </button>
                </p>
                <Letters letters={dead_letters} redrive={(id) => void redrive([id])} />
              </>
            )}
          </>
        )}
      </Shown>
    </Page>
  );
}

function Letters({ letters, redrive }: { letters: readonly DeadLetter[]; redrive: (id: string) => void }) {
  const { link, fields } = useAddress();
  return (
    <Table
      title={counted(letters.length, 'message')}
      rows={letters}
      keyOf={({ message_id }) => message_id}
      hrefOf={({ replay_id }) => (replay_id === null ? null : link(`/replays/${replay_id}`))}
      columns={[
        { name: 'Died', fixed: true, cell: ({ died_at }) => minuteText(died_at, fields.tz ?? 'UTC') },
        { name: 'Code', cell: ({ code }) => <span class="badge bad">{code}</span> },
        { name: 'Detail', text: true, cell: ({ detail }) => detail },
        { name: 'Deliveries', end: true, wide: true, cell: ({ receives }) => receives },
        {
          name: 'Again',
          cell: ({ message_id }) => (
            <button type="button" onClick={() => redrive(message_id)}>
              Put back
            </button>
          ),
        },
      ]}
    />
  );
}
