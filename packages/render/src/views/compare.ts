import { type CompareFinding, type CompareReport, compareQuestion, counted } from '@pik/schema';
import { type Cell, percent, shortTime } from '../format.ts';
import { viewOf } from '../question-view.ts';
import { type Block, hiddenLine, nextLine, noteLines, table, text, type View, type ViewOptions } from '../view.ts';

/** View of a comparison of two groups of receipts. */
export const compareView = viewOf(compareQuestion, view);

function view(report: CompareReport, options: ViewOptions): View {
  const { findings, tried, next_cursor, notes } = report;
  const shown = findings.slice(0, options.rowsMax);
  return {
    title: 'What is different about these?',
    blocks: [
      groupLine('A', report.a),
      groupLine('B', report.b),
      ...(findings.length === 0
        ? [text(`Nothing distinguishes the groups; ${counted(tried, 'condition')} counted as tried.`)]
        : [table(['condition', 'in A', 'in B', 'lift', 'p', 'receipt of A'], shown.map(findingCells))]),
      ...shown.flatMap(impliedLines),
      ...hiddenLine(findings.length, 'finding', options),
      ...differenceBlocks(report, options),
      ...leftOutLines(report),
      ...nextLine(next_cursor, 'the findings', options),
      ...noteLines(notes),
    ],
    charts: [],
  };
}

function groupLine(name: string, { where, ranges, receipts, covered_from }: CompareReport['a']): Block {
  const times = ranges.map(({ start_time, end_time }) => {
    const from = start_time === null ? 'the start' : shortTime(start_time);
    return `${from} to ${end_time === null ? 'now' : shortTime(end_time)}`;
  });
  const cut = covered_from === null ? '' : `, only those stored since ${shortTime(covered_from)}`;
  const which = where === '' ? 'every receipt' : where;
  return text(`${name}: ${counted(receipts, 'receipt')} of ${which}, ${times.join(' and ')}${cut}`);
}

function findingCells({ where, a_share, b_share, lift, p, p_log10, a_examples }: CompareFinding): Cell[] {
  const [example] = a_examples;
  return [
    where,
    percent(a_share),
    percent(b_share),
    lift === null ? '∞' : lift.toPrecision(3),
    p > 1e-300 ? p.toExponential(1) : `1e${Math.round(p_log10)}`,
    example === undefined ? '' : (example.event_id ?? `${example.pack_id}/${example.line}`),
  ];
}

function impliedLines({ where, implied, implied_total }: CompareFinding): Block[] {
  if (implied_total === 0) return [];
  const more = implied_total > implied.length ? `, and ${implied_total - implied.length} more` : '';
  return [text(`${where} explains: ${implied.map((one) => one.where).join('; ')}${more}`)];
}

/** Dimensions whose parts are shown. */
const DIMENSIONS_SHOWN = 3;
/** Parts shown of each. */
const PARTS_SHOWN = 5;

function differenceBlocks({ difference, ...groups }: CompareReport, { rowsMax }: ViewOptions): Block[] {
  const { measure, a, b, delta, dimensions } = difference;
  if (delta === null || a === null || b === null) return [];
  // How many receipts match one of two expressions is above already.
  const isOneRange = JSON.stringify(groups.a.ranges) === JSON.stringify(groups.b.ranges);
  if (measure === 'count' && isOneRange) return [];
  const line = text(`${measure}: ${figure(a)} in A, ${figure(b)} in B, difference ${figure(delta)}`);
  if (delta === 0) return [line];
  const rows = dimensions.slice(0, DIMENSIONS_SHOWN).flatMap(({ path, parts }) =>
    parts.slice(0, Math.min(PARTS_SHOWN, rowsMax)).map((part): Cell[] => {
      const share = part.part / delta;
      return [path, part.where ?? 'all others', figure(part.a), figure(part.b), figure(part.part), percent(share)];
    }),
  );
  return rows.length === 0 ? [line] : [line, table(['path', 'value', 'A', 'B', 'part', 'of the difference'], rows)];
}

function figure(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString('en-US') : String(Number(value.toPrecision(6)));
}

const REASONS: Readonly<Record<CompareReport['left_out'][number]['why'], string>> = {
  ASKED: 'the groups are defined by it',
  MANY_VALUES: 'only the first values that were read',
  LONG_TEXT: 'without long texts',
  MANY_PATHS: 'beyond the number of paths that one answer compares',
  MASKED: 'masked',
};

function leftOutLines({ left_out }: CompareReport): Block[] {
  if (left_out.length === 0) return [];
  return [text(`not compared in full: ${left_out.map(({ path, why }) => `${path} (${REASONS[why]})`).join(', ')}`)];
}
