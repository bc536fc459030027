import type { CompareFinding, ReportOf } from '@pik/schema';
import { counted } from '@pik/schema/words';

import { timeText } from '../parts/axis.ts';
import { FieldsForm } from '../parts/fields-form.tsx';
import { Page } from '../parts/page.tsx';
import { Limits, Shown } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { shareText, shortValue } from '../parts/words.ts';
import { useAddress } from '../state/address.ts';
import { useAnswer } from '../state/answers.ts';
import { filtered } from '../state/expression.ts';
import { scopeFields } from '../state/scope.ts';

type Report = ReportOf<'compare'>;

/** Fields of the two groups, by the names that they have in the address. */
const FIELDS = [
  ['a', 'Group A'],
  ['b', 'Group B, or the rest'],
  ['where', 'Both match'],
  ['b_from', 'Range of B from'],
  ['b_to', 'Range of B to'],
  ['weeks', 'Or weeks before'],
] as const;

const EXAMPLES = [
  ['outcome = REJECTED', 'the rejected receipts with the others'],
  ['event_time > 24h', 'events of the last day with those before'],
] as const;

/** What is different about these receipts? */
export default function Compare() {
  const { fields } = useAddress();
  const { a, b, b_from, b_to, weeks, depth } = fields;
  const { start_time, end_time, as_of, time_zone } = scopeFields(fields);
  const isAsked = [a, b, b_from, b_to, weeks].some((field) => field !== undefined);
  const where = filtered(fields.where, { source: fields.source, type: fields.type });
  const answer = useAnswer(
    'compare',
    isAsked ? { a, b, where, start_time, end_time, b_from, b_to, weeks, depth, as_of, time_zone, limit: 50 } : null,
  );
  return (
    <Page title="Compare" lead="Differences of two groups of receipts, the strongest first.">
      <FieldsForm key={JSON.stringify(fields)} fields={FIELDS} button="Compare">
        The range above is of receive times. To set group A, drag over a picture with Shift.
      </FieldsForm>
      {isAsked ? (
        <Shown of={answer} what="the differences">
          {(report) => (
            <>
              <Limits partial={report.partial} notes={report.notes} />
              <Sizes report={report} />
              <Findings report={report} />
              <Difference report={report} />
            </>
          )}
        </Shown>
      ) : (
        <Examples />
      )}
    </Page>
  );
}

function Examples() {
  const { link } = useAddress();
  return (
    <section class="notice">
      <h2>Compare</h2>
      {EXAMPLES.map(([a, text]) => (
        <p key={a}>
          <a href={link('/compare', { a })}>{text}</a> <code>{a}</code>
        </p>
      ))}
      <p>
        <a href={link('/compare', { from: '24h', to: null, weeks: 4 })}>
          the last day with the same hours of four weeks
        </a>
      </p>
    </section>
  );
}

function Sizes({ report: { a, b, as_of, tried, support } }: { report: Report }) {
  const { fields } = useAddress();
  return (
    <p class="account panel">
      <b>{a.receipts.toLocaleString('en-US')}</b> <span>in A,</span> <b>{b.receipts.toLocaleString('en-US')}</b>{' '}
      <span>
        in B; {counted(tried, 'condition')} tried that concern at least {shareText(support)} of a group.
      </span>
      <span>As of {timeText(as_of, fields.tz ?? 'UTC')}</span>
    </p>
  );
}

function Findings({ report: { findings, findings_total, a, b } }: { report: Report }) {
  const { link, fields } = useAddress();
  if (findings.length === 0)
    return (
      <section class="notice">
        <h2>Nothing distinguishes them</h2>
        <p>No condition differs by more than chance explains, corrected for everything that was tried.</p>
      </section>
    );
  return (
    <Table<CompareFinding>
      title={`${counted(findings_total, 'difference')}, the strongest first`}
      rows={findings}
      keyOf={({ where }) => where}
      hrefOf={({ where }) => link('/events', { q: and(a.where, where) })}
      columns={[
        { name: 'Receipts with', text: true, cell: (finding) => <Name finding={finding} /> },
        { name: 'In A', end: true, cell: ({ a_share }) => <Share share={a_share} /> },
        { name: 'In B', end: true, cell: ({ b_share }) => <Share share={b_share} /> },
        {
          name: 'Lift',
          end: true,
          wide: true,
          cell: ({ lift }) => (lift === null ? 'only A' : `${shortValue(lift)} ×`),
        },
        {
          name: 'p',
          end: true,
          wide: true,
          cell: ({ p, p_log10 }) => (p < 0.0001 ? `10^${Math.round(p_log10)}` : p.toFixed(4)),
        },
        {
          name: 'Look',
          fixed: true,
          cell: ({ where }) => (
            <>
              <a href={link('/events', { q: and(b.where, where) })}>in B</a>
              {' · '}
              <a href={link('/compare', { ...fields, where: and(fields.where ?? '', where) })}>within</a>
              {' · '}
              <a href={link('/compare', { ...fields, where: and(fields.where ?? '', `not (${where})`) })}>without</a>
            </>
          ),
        },
      ]}
    />
  );
}

const and = (first: string, second: string) => (first.trim() === '' ? second : `(${first}) and (${second})`);

function Name({ finding: { where, implied, implied_total } }: { finding: CompareFinding }) {
  return (
    <>
      <code class="any">{where}</code>
      {implied_total > 0 && (
        <small>
          explains{' '}
          {implied
            .slice(0, 2)
            .map(({ where: weaker }) => weaker)
            .join(', ')}
          {implied_total > 2 && ` and ${counted(implied_total - 2, 'other')}`}
        </small>
      )}
    </>
  );
}

const BAR = 60;

function Share({ share }: { share: number }) {
  return (
    <>
      <svg class="bar" width={BAR} height="8" aria-hidden="true">
        <rect width={BAR} height="8" />
        <rect width={share * BAR} height="8" />
      </svg>{' '}
      {shareText(share)}
    </>
  );
}

/** The difference of the counts, divided among the values of the most surprising paths. */
function Difference({ report: { difference } }: { report: Report }) {
  const { link } = useAddress();
  const rows = difference.dimensions
    .slice(0, 5)
    .flatMap(({ path, parts }) => parts.slice(0, 4).map((part) => ({ path, ...part })));
  if (rows.length === 0) return null;
  return (
    <Table
      title={`Where the difference of the ${difference.measure} lies`}
      rows={rows}
      keyOf={({ path, where }) => `${path} ${where}`}
      hrefOf={({ where }) => (where === null ? null : link('/events', { q: where }))}
      columns={[
        { name: 'Path', cell: ({ path }) => <code class="any">{path}</code> },
        {
          name: 'Receipts with',
          cell: ({ where }) => (where === null ? 'all others' : <code class="any">{where}</code>),
        },
        { name: 'A', end: true, cell: ({ a }) => shortValue(a) },
        { name: 'B', end: true, cell: ({ b }) => shortValue(b) },
        { name: 'Part', end: true, cell: ({ part }) => shortValue(part) },
      ]}
    />
  );
}
