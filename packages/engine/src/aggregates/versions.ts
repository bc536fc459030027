import type { MetricView, VersionPage } from '@pik/schema';
import type { VersionsQuery } from '../api/pipeline.ts';
import { boundedPage, type PageQuery } from '../runtime/bounded-page.ts';
import { aggregateOf, type Context } from '../runtime/context.ts';
import { versionView } from './rules/version-view.ts';
import { windowAt } from './window-start.ts';

/** Returns a page of a value's versions, oldest first. A metric that is no longer declared keeps its history. */
export async function versions(context: Context, query: VersionsQuery): Promise<VersionPage> {
  const { metric, key, window_start, cursor } = query;
  const window =
    window_start === null
      ? {}
      : { window_start_ms: windowAt(aggregateOf(context, metric), window_start, context.backend.clock).start_ms };
  const read = (part: PageQuery) => context.backend.aggregates.listVersions({ metric, key, ...window, ...part });
  const page = await boundedPage(context.budget, query, read);
  if (page.items.length === 0 && cursor === null) aggregateOf(context, metric);
  return { versions: page.items.map(versionView), next_cursor: page.next, ...page.cut };
}

/** Lists the metrics of this server. */
export function metrics(context: Context): MetricView[] {
  return [...context.aggregates.values()].map((aggregate) => {
    const { metric, definition_version, definition_hash, group_by, unit, window, time_zone, reads_payload } = aggregate;
    const known = { metric, definition_version, definition_hash, group_by, unit, window, time_zone, reads_payload };
    const { sources, event_types } = aggregate;
    return {
      ...known,
      ...(sources !== null && { sources: [...sources] }),
      ...(event_types !== null && { event_types: [...event_types] }),
    };
  });
}
