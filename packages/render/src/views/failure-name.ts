import type { FailuresReport } from '@pik/schema';

/** The code of a failure, with its path in the record. */
export function failureName({ code, path }: FailuresReport['groups'][number]): string {
  return `${code}${path === null ? '' : ` at ${path}`}`;
}
