import type { MetricView } from '@pik/schema';
import { counted } from '@pik/schema/words';

import { Page } from '../parts/page.tsx';
import { Shown } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { wordOf } from '../parts/words.ts';
import { useAddress } from '../state/address.ts';
import { useAnswer } from '../state/answers.ts';

/** Which metrics does this server compute? */
export default function Metrics() {
  const { link } = useAddress();
  const list = useAnswer('metricList', {});
  return (
    <Page title="Metrics" lead="Values over windows of time, each with the versions that were known.">
      <Shown of={list} what="metrics">
        {({ metrics }) => (
          <>
            <Table<MetricView>
              title={counted(metrics.length, 'metric')}
              rows={metrics}
              keyOf={({ metric }) => metric}
              hrefOf={({ metric, group_by }) =>
                link('/metrics/value', { metric, key: group_by === 'all' ? 'all' : null })
              }
              columns={[
                { name: 'Metric', cell: ({ metric }) => metric },
                { name: 'One value per', cell: ({ group_by }) => (group_by === 'all' ? 'window' : wordOf(group_by)) },
                { name: 'Window', cell: ({ window, time_zone }) => `${window}, ${time_zone}` },
                { name: 'Definition', end: true, cell: ({ definition_version }) => definition_version },
                {
                  name: 'Counts',
                  wide: true,
                  cell: ({ sources, event_types }) =>
                    [...(sources ?? []), ...(event_types ?? [])].join(', ') || 'all events',
                },
              ]}
            />
          </>
        )}
      </Shown>
    </Page>
  );
}
