import type { RouteName } from '@pik/schema';

/** The paths of the routes that the console calls; a test compares them with the table of routes. */
export const PATHS = {
  event: '/events/:event_id',
  eventByKey: '/events',
  receipt: '/receipts/:pack_id/:line',
  timeline: '/timeline',
  selection: '/selection',
  metricList: '/aggregates',
  compute: '/aggregates/compute',
  versions: '/aggregates/versions',
  explainChange: '/aggregates/explain',
  replays: '/replays',
  replayById: '/replays/:replay_id',
  deadLetters: '/dead-letters',
  lag: '/reports/lag',
  duplicates: '/reports/duplicates',
  failures: '/reports/failures',
  gaps: '/reports/gaps',
  completeness: '/reports/completeness',
  rejects: '/rejects',
  find: '/search',
  compare: '/compare',
  schema: '/schema',
  tail: '/events/stream',
} as const satisfies { readonly [N in RouteName]?: string };
