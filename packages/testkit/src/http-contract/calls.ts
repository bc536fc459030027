import { ROUTES, type Route, type RouteName } from '@pik/schema';

const ID = '01890a5d-ac96-774b-bcce-b302099a8057';

/** Values for the parameters of a path. */
const PARAMS: Readonly<Record<string, string>> = {
  event_id: '0'.repeat(47),
  pack_id: ID,
  replay_id: ID,
  line: '0',
  call: 'track',
  name: 'none',
};

/** Query fields that a route needs besides its required ones. */
const MORE: { readonly [N in RouteName]?: Readonly<Record<string, string>> } = {
  eventByKey: { event_time: '2025-12-28T00:00:00Z' },
  explainChange: { from: '1', to: 'now' },
};

const BODIES: { readonly [N in RouteName]?: string } = {
  ingest: '{}',
  import: '{}',
  segment: '{}',
  otlpLogs: '{}',
  hook: '{}',
  mcp: '{}',
  replay: '{}',
  redrive: '{"message_ids":["none"]}',
  muteMonitor: '{"minutes":1}',
  reingest: '{}',
};

/** A request to a route. */
export interface RouteCall {
  readonly path: string;
  readonly body?: string;
}

/** Builds a valid request from the examples of a route's fields. `query` overrides or adds fields. */
export function callOf(name: RouteName, query: Readonly<Record<string, string>> = {}): RouteCall {
  const { path, fields = {} }: Route = ROUTES[name];
  const examples = Object.entries(fields).flatMap(([field, { isRequired, example }]) =>
    isRequired ? [[field, example]] : [],
  );
  const search = new URLSearchParams({ ...Object.fromEntries(examples), ...MORE[name], ...query });
  const place = path.replace(/:(\w+)/g, (_, param: string) => PARAMS[param] ?? '');
  const body = BODIES[name];
  return { path: search.size === 0 ? place : `${place}?${search}`, ...(body === undefined ? {} : { body }) };
}
