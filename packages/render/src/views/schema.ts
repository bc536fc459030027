import { counted, type Drift, type SchemaReport, type ShapePath, type ShapeSeries, schemaQuestion } from '@pik/schema';
import { type Cell, percent, shortTime } from '../format.ts';
import { viewOf } from '../question-view.ts';
import { type Block, hiddenLine, nextLine, noteLines, table, text, type View, type ViewOptions } from '../view.ts';

/** View of the payloads of each source and type, and of what has changed in them. */
export const schemaView = viewOf(schemaQuestion, view);

function view(report: SchemaReport, options: ViewOptions): View {
  const { series, series_total, covered_from, next_cursor, notes } = report;
  return {
    title: 'What do payloads look like?',
    blocks: [
      ...(series.length === 0
        ? [text('No events in this range.')]
        : series.flatMap((one) => seriesBlocks(one, options))),
      ...(covered_from === null ? [] : [text(`only events stored since ${shortTime(covered_from)}`)]),
      ...nextLine(next_cursor, counted(series_total, 'source and type', 'sources and types'), options),
      ...noteLines(notes),
    ],
    charts: [],
  };
}

function seriesBlocks({ source, event_type, events, paths, drift }: ShapeSeries, options: ViewOptions): Block[] {
  const head = ['path', 'in', 'types', 'different', 'least', 'largest', 'example'];
  return [
    text(`${source} ${event_type}: ${counted(events, 'event')}`),
    table(head, paths.slice(0, options.rowsMax).map(pathCells)),
    ...hiddenLine(paths.length, 'path', options),
    ...drift.map((one) => text(driftLine(one))),
  ];
}

function pathCells(path: ShapePath): Cell[] {
  const { types, distinct, is_estimated, least, largest, first_text, last_text, example } = path;
  return [
    path.path,
    percent(path.share),
    types.map(({ type }) => type).join(', '),
    is_estimated ? `about ${distinct}` : distinct,
    least ?? first_text ?? '',
    largest ?? last_text ?? '',
    example ?? '',
  ];
}

const CHANGES: Readonly<Record<Drift['kind'], string>> = {
  NEW: 'is new',
  GONE: 'is gone',
  RARER: 'is rarer',
  TYPE: 'has another type',
};

function driftLine({ kind, path, type, share_before, share_since, p }: Drift): string {
  const what = kind === 'TYPE' ? `${CHANGES[kind]}, ${type}` : CHANGES[kind];
  return `drift: ${path} ${what}: ${percent(share_before)} before, ${percent(share_since)} since (p ${p.toExponential(1)})`;
}
