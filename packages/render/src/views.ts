import type { QuestionViews } from './question-view.ts';
import { compareView } from './views/compare.ts';
import { completenessView } from './views/completeness.ts';
import { duplicatesView } from './views/duplicates.ts';
import { failuresView } from './views/failures.ts';
import { findView } from './views/find.ts';
import { gapsView } from './views/gaps.ts';
import { lagView } from './views/lag.ts';
import { schemaView } from './views/schema.ts';

/** Views of all declared questions. A missing view is a type error. */
export const VIEWS: QuestionViews = {
  lag: lagView,
  duplicates: duplicatesView,
  failures: failuresView,
  gaps: gapsView,
  completeness: completenessView,
  find: findView,
  compare: compareView,
  schema: schemaView,
};
