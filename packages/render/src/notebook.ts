import { counted, type DeclaredName, type ReportOf } from '@pik/schema';
import {
  createInvestigator,
  type Investigator,
  type InvestigatorOptions,
  questionMethods,
  type Simulation,
} from '@pik/sdk/investigator';

import { viewHtml } from './html.ts';
import { chartSvg } from './pictures.ts';
import { viewText } from './text.ts';
import { table, text, type View, type ViewOptions } from './view.ts';
import { changeView } from './views/change.ts';
import { eventView } from './views/event.ts';
import { VIEWS } from './views.ts';

/** The method that Deno's Jupyter kernel calls on a result: returns its forms by media type. */
export const DISPLAY = Symbol.for('Jupyter.display');

/** A result that a notebook can display. */
export interface Displayed {
  /** Escaped HTML, the first chart as SVG if there is one, and plain text as a fallback. */
  [DISPLAY](): Readonly<Record<string, string>>;
}

const OPTIONS: ViewOptions = {
  rowsMax: 40,
  fullAnswer: 'the result itself has all',
  next: () => 'ask again with its next_cursor as cursor',
};

/** The views of answers. An answer without one displays itself as every other object. */
const SHOWN: { readonly [N in DeclaredName]?: (answer: ReportOf<N>, options: ViewOptions) => View } = {
  ...VIEWS,
  event: eventView,
  eventByKey: eventView,
  explainChange: changeView,
};

/**
 * Creates an investigator for notebooks: the same answers, each of which displays itself as the last value of a cell.
 * JSON, fields and comparison of an answer stay the same.
 *
 * @example
 * import { createNotebook } from '@pik/render/notebook';
 *
 * const investigator = createNotebook({ url: 'http://127.0.0.1:4600' });
 * await investigator.lag({ start_time: '7d' }); // the last value of a cell displays itself
 *
 * @throws KitError `CONFIG_INVALID` for a URL or key that cannot be used.
 */
export function createNotebook(options: InvestigatorOptions): Investigator {
  const asking = createInvestigator(options);
  const ask: Investigator['ask'] = async (name, selection, call) => {
    const answer = await asking.ask(name, selection, call);
    const view = SHOWN[name];
    return view === undefined ? answer : displayed(answer, (shownAnswer) => view(shownAnswer, OPTIONS));
  };
  return {
    ...asking,
    ask,
    ...questionMethods(ask),
    explainChange: shown(asking.explainChange, (change) => changeView(change, OPTIONS)),
    explainEvent: shown(asking.explainEvent, eventView),
    simulate: shown(asking.simulate, simulationView),
  };
}

/** The same question, with a displayable answer. */
function shown<A extends unknown[], T extends object>(
  ask: (...args: A) => Promise<T>,
  view: (answer: T) => View,
): (...args: A) => Promise<T> {
  return async (...args) => displayed(await ask(...args), view);
}

/** Adds the display method to a value, hidden from listings of its fields. */
export function displayed<T extends object>(value: T, view: (value: T) => View): T & Displayed {
  const forms = () => {
    const made = view(value);
    const svgs = made.charts.map(chartSvg);
    const [first] = svgs;
    return {
      'text/plain': viewText(made),
      'text/html': viewHtml(made, svgs),
      ...(first === undefined ? {} : { 'image/svg+xml': first }),
    };
  };
  return Object.defineProperty(value, DISPLAY, { value: forms }) as T & Displayed;
}

/** Maximum number of changes shown; the result has all. */
const CHANGES_MAX = 3;

function simulationView({ windows, changes, events }: Simulation): View {
  const rows = windows
    .slice(0, OPTIONS.rowsMax)
    .map(({ key, window_start, value, input_count, whole }) => [
      key,
      window_start.slice(0, 19),
      JSON.stringify(value),
      input_count,
      whole ? '' : 'cut by the range',
    ]);
  const explained = changes.slice(0, CHANGES_MAX).map((change) => changeView(change, OPTIONS));
  return {
    title: 'What would it be?',
    blocks: [
      text(
        `${counted(windows.length, 'window')} over ${counted(events, 'event')}; ${changes.length} would change. Nothing was written.`,
      ),
      table(['key', 'window', 'value', 'inputs', ''], rows),
      ...explained.flatMap(({ blocks }) => blocks),
    ],
    charts: explained.flatMap(({ charts }) => charts),
  };
}
