import { createInvestigator } from '@pik/sdk/investigator';

import { tableRecords } from './convert.ts';

/** A table once published by mistake: both sides of a merge, with the conflict markers between them. */
const TABLE = `<<<<<<< ours
date_of_interest,cases,deaths
12/01/2020,10,1
12/02/2020,12,0
12/03/2020,11,2
=======
date_of_interest,cases,deaths
12/01/2020,10,1
12/02/2020,14,0
>>>>>>> theirs
`;

const url = process.env.PIK_URL ?? 'http://127.0.0.1:4600';
const source = `health_department_${process.pid}`;
const records = tableRecords(TABLE, {
  source,
  eventType: 'day.published',
  entity: { id: 'city' },
  timeColumn: 'date_of_interest',
  timeZone: 'America/New_York',
  keyColumn: 'date_of_interest',
});
const response = await fetch(`${url}/ingest`, {
  method: 'POST',
  headers: { 'content-type': 'application/x-ndjson' },
  body: records.join('\n'),
});
const { counts } = (await response.json()) as { counts: Record<string, number> };
console.log(
  `outcomes: ${Object.entries(counts)
    .map(([outcome, n]) => `${n} ${outcome}`)
    .join(', ')}`,
);

const report = await createInvestigator({ url }).failures({ source });
for (const { code, path, detail, count, receipts } of report.groups)
  console.log(`${count} of ${receipts}: ${code}${path === null ? '' : ` at ${path}`}, ${detail}`);
