import { type CompletenessReport, completenessQuestion, counted, durationText } from '@pik/schema';

import { arrivalCurves } from '../charts/of-completeness.ts';
import { groupName, percent, shortTime } from '../format.ts';
import { viewOf } from '../question-view.ts';
import { nextLine, table, text, type View, type ViewOptions } from '../view.ts';
import { coverageLines, nothing } from './lag.ts';

/** How complete each event day is, the latest last. */
export const completenessView = viewOf(completenessQuestion, view, { draws: true });

function view(report: CompletenessReport, options: ViewOptions): View {
  const title = 'How complete is each day?';
  const { rowsMax, fullAnswer } = options;
  const { days } = report;
  const nextLines = [
    ...nextLine(report.next_cursor, counted(report.days_total, 'day'), options),
    ...coverageLines(report),
  ];
  if (days.length === 0)
    return { title, blocks: [nothing('No event day lies in this range.', report), ...nextLines], charts: [] };
  const marks = days[0]?.arrived ?? [];
  const head = [
    'day',
    'series',
    'events',
    ...marks.map(({ after_ms }) => (after_ms === 0 ? 'at its end' : `+${durationText(after_ms)}`)),
    'forecast',
  ];
  const rows = days
    .slice(-rowsMax)
    .map((day) => [
      day.day,
      groupName(day.series) || 'all',
      day.events,
      ...day.arrived.map(({ share }) => (share === null ? '' : percent(share))),
      forecastText(day),
    ]);
  const hidden = days.length - rowsMax;
  const more = [...(hidden > 0 ? [text(`and ${counted(hidden, 'earlier day')} (${fullAnswer})`)] : []), ...nextLines];
  return { title, blocks: [table(head, rows), ...more], charts: arrivalCurves(report) };
}

function forecastText({ state, forecast }: CompletenessReport['days'][number]): string {
  if (state === 'CLOSED') return '';
  if (forecast === null) return 'too few closed days';
  const until = forecast.full_at === null ? '' : `, 99 % at ${shortTime(forecast.full_at)}`;
  return `${percent(forecast.share)} arrived, about ${forecast.events ?? '?'} in the end${until}`;
}
