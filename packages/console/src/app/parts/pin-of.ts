import { ROUTES } from '@pik/schema';

import { answerHash, type Pin } from '../../case/case-file.ts';
import { questionPath, type Values } from '../state/api.ts';
import type { Shown } from '../state/on-page.ts';

/** Questions that take an as-of time. */
const takesAsOf = (name: Shown['name']) => 'as_of' in (ROUTES[name].fields ?? {});

/** Bounds of an answer that replace relative ones of its question, so that it can be asked again. */
interface Bounds {
  readonly as_of?: string;
  readonly range?: { readonly start_time: string | null; readonly end_time: string | null; readonly as_of: string };
}

/** Pins an answer: the question with its times fixed, the answer, and its hash. */
export function pinOf({ name, values, answer }: Shown, note: string): Pin {
  const { as_of, range } = answer as Bounds;
  const asOf = takesAsOf(name) ? (range?.as_of ?? as_of ?? null) : null;
  const fixed: Values = {
    ...values,
    ...(range === undefined ? {} : { start_time: range.start_time, end_time: range.end_time }),
    ...(asOf === null ? {} : { as_of: asOf }),
  };
  return {
    ...{ question: name, path: questionPath(name, fixed), asked_at: new Date().toISOString(), as_of: asOf, note },
    ...{ answer, answer_sha256: answerHash(answer) },
  };
}
