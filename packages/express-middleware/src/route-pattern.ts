/** What is used of Express's routers, of version 4 and 5. */
interface RouterLike {
  readonly stack?: readonly LayerLike[];
}

/** An application: its router has another name in each version. */
export interface AppLike extends RouterLike {
  readonly parent?: AppLike;
  readonly mountpath?: string | readonly string[];
  readonly router?: RouterLike;
  readonly _router?: RouterLike;
  readonly use?: unknown;
  /** What its responses inherit from. */
  readonly response?: object;
}

/** Where a request is looked for. */
export interface Apps {
  /** The application that answered. */
  readonly app: AppLike | undefined;
  /** The one in which the middleware saw requests first. */
  readonly outer: AppLike | undefined;
}

/** A route: one for each path that was declared. */
export interface RouteLike {
  readonly path: unknown;
}

interface LayerLike {
  readonly route?: RouteLike;
  readonly handle?: AppLike;
  /** Since 5.3: the match itself. Before: true, and the layer has path and params until it matches again. */
  match(path: string): boolean | Match;
  readonly path?: string;
  readonly params?: Params;
}

type Params = Readonly<Record<string, unknown>>;

interface Match {
  readonly path: string;
  readonly params: Params;
  /** As it was declared; since 5.3. */
  readonly pattern?: unknown;
}

/** The layers from an application's router down to the route: all but the last mount something. */
type Chain = readonly LayerLike[];

/** A mount as it was found for one path; it holds for all paths that differ only where it has parameters. */
interface Mount {
  readonly steps: readonly (string | null)[];
  readonly pattern: string;
}

/** Where in an application a route was found. */
interface Place {
  readonly app: AppLike | undefined;
  readonly searches: number;
  readonly chains: readonly Chain[];
  readonly mounts: Mount[];
}

const DEPTH_MAX = 16;
const MOUNTS_MAX = 16;
const SEARCHES_MAX = 16;
/** In place of what cannot be found out: never the path as it came, which may hold ids of people. */
const UNKNOWN = '*';

const KINDS = ['0123456789', 'abcdef', 'ABCDEF', 'ghijklmnopqrstuvwxyz', 'GHIJKLMNOPQRSTUVWXYZ'];

const places = new WeakMap<RouteLike, readonly Place[]>();

/**
 * The pattern of a route under all its mounts, such as `/shops/:shop/orders/:id`. Express knows the pattern of the route
 * itself, and of its mounts only what of the path they took; after an error not even that. So the routers are searched for
 * the route, once, and what of a mount's path was a parameter is found by asking its layer again.
 */
export function routePattern({ app: inner, outer }: Apps, route: RouteLike, url: string): string {
  // An application that a router mounts knows of no parent.
  const app = inner?.parent === undefined && outer !== undefined && isIn(outer, route) ? outer : inner;
  const place = placeOf(app, route);
  const own = ownPattern(route);
  const [chain] = place.chains;
  const isPlain =
    (app === outer || outer === undefined) &&
    app?.parent === undefined &&
    place.chains.length === 1 &&
    chain?.length === 1;
  if (isPlain) return own;
  const path = pathOf(url);
  const isStrange = outer !== undefined && topOf(app) !== topOf(outer);
  if (isStrange) return joined(`/${UNKNOWN}`, own);
  const base = mountOfApp(app, path.split('/'));
  if (chain === undefined) return joined(`${base}/${UNKNOWN}`, own);
  const rest = path.split('/').slice(base.split('/').length);
  return joined(base + mountOf(place, `/${rest.join('/')}`), own);
}

function topOf(app: AppLike | undefined): AppLike | undefined {
  return app?.parent === undefined ? app : topOf(app.parent);
}

function isIn(app: AppLike, route: RouteLike): boolean {
  return placeOf(app, route).chains.length > 0;
}

function placeOf(app: AppLike | undefined, route: RouteLike): Place {
  const known = places.get(route);
  const place = known?.find((one) => one.app === app);
  if (place !== undefined && (place.chains.length > 0 || place.searches === SEARCHES_MAX)) return place;
  const chains: Chain[] = [];
  collect(routerOf(app), { route, above: [], chains });
  // A route that is not found may be in a router that is mounted later; and a search costs too much to go on for ever.
  const found = { app, chains, mounts: [], searches: (place?.searches ?? 0) + 1 };
  places.set(route, [found, ...(known ?? []).filter((one) => one !== place)]);
  return found;
}

interface Search {
  readonly route: RouteLike;
  readonly above: Chain;
  readonly chains: Chain[];
}

function collect(router: RouterLike | undefined, { route, above, chains }: Search): void {
  if (above.length >= DEPTH_MAX) return;
  for (const layer of router?.stack ?? []) {
    const chain = [...above, layer];
    if (layer.route === route) chains.push(chain);
    else if (layer.route === undefined) collect(routerOf(layer.handle), { route, above: chain, chains });
  }
}

function routerOf(handle: AppLike | undefined): RouterLike | undefined {
  if (handle?.stack !== undefined) return handle;
  if (typeof handle?.use !== 'function') return undefined;
  try {
    return handle._router ?? handle.router;
  } catch {
    // In version 4 `router` is there only to say that it is not.
    return undefined;
  }
}

function mountOf(place: Place, path: string): string {
  const steps = path.split('/');
  const known = place.mounts.find((mount) => fits(mount, steps));
  if (known !== undefined) return known.pattern;
  for (const chain of place.chains) {
    const pattern = follow(chain, path);
    if (pattern === null) continue;
    if (place.mounts.length < MOUNTS_MAX) place.mounts.push({ steps: stepsOf(pattern), pattern });
    return pattern;
  }
  return `/${UNKNOWN}`;
}

function fits({ steps, pattern }: Mount, path: readonly string[]): boolean {
  // What may have taken several steps has to be looked at each time.
  if (pattern.includes(UNKNOWN) || steps.length > path.length) return false;
  return steps.every((step, i) => (step === null ? path[i] !== '' : step === path[i]));
}

function stepsOf(pattern: string): (string | null)[] {
  return pattern.split('/').map((step) => (step.startsWith(':') ? null : step));
}

/** Goes down the layers as the path did; null where it went another way. */
function follow(chain: Chain, path: string): string | null {
  let pattern = '';
  let rest = path;
  for (const layer of chain.slice(0, -1)) {
    const match = matchOf(layer, rest);
    if (match === null || !rest.startsWith(match.path)) return null;
    pattern += patternOf(layer, match);
    rest = rest.slice(match.path.length);
    if (!rest.startsWith('/')) rest = `/${rest}`;
  }
  const last = chain.at(-1);
  return last !== undefined && matchOf(last, rest) !== null ? pattern : null;
}

/** A layer keeps its last match only while it is being used, within one turn; asking it again later changes nothing. */
function matchOf(layer: LayerLike, path: string): Match | null {
  const match = layer.match(path);
  if (match === true) return { path: layer.path ?? '', params: layer.params ?? {} };
  return match === false ? null : match;
}

/** The path that a mount took, with names or `*` in place of what differs from path to path. */
function patternOf(layer: LayerLike, match: Match): string {
  if (typeof match.pattern === 'string') return match.pattern.replace(/\/$/, '');
  const steps = match.path.split('/');
  const found = steps.map((_, at) => variableStep(layer, steps, at));
  // A parameter that takes certain values alone; one that was found already stands elsewhere.
  const left = Object.keys(match.params).filter((name) => !found.includes(`:${name}`));
  return steps.map((step, at) => found[at] ?? nameOf(match.params, left, step) ?? step).join('/');
}

/** A step that the layer takes with other letters and digits in it as well is none that it was declared with. */
function variableStep(layer: LayerLike, steps: readonly string[], at: number): string | null {
  const step = steps[at] as string;
  const other = rotated(step);
  if (other === step) return null;
  const path = steps.with(at, other).join('/');
  const match = matchOf(layer, path);
  return match?.path === path ? (nameOf(match.params, Object.keys(match.params), other) ?? UNKNOWN) : null;
}

function nameOf(params: Params, names: readonly string[], step: string): string | null {
  const name = names.find((key) => params[key] === decoded(step));
  if (name === undefined) return null;
  return /^\d+$/.test(name) ? UNKNOWN : `:${name}`;
}

/** Each letter and digit becomes the next of its kind, so that numbers, hex and UUIDs stay what they are. */
function rotated(step: string): string {
  return step.replace(/[0-9a-z]/gi, (char) => {
    const kind = KINDS.find((chars) => chars.includes(char)) ?? char;
    return kind[(kind.indexOf(char) + 1) % kind.length] ?? char;
  });
}

function decoded(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}

function ownPattern({ path }: RouteLike): string {
  if (Array.isArray(path)) return path.flat(DEPTH_MAX).map(String).join('|');
  return String(path);
}

/** A route `/` under a mount is the mount itself. */
function joined(mount: string, own: string): string {
  if (mount === '' || mount === '/') return own;
  return own === '/' ? mount : mount + own;
}

/** Applications know the patterns under which they are mounted in others. */
function mountOfApp(app: AppLike | undefined, steps: readonly string[]): string {
  if (app?.parent === undefined) return '';
  const above = mountOfApp(app.parent, steps);
  const rest = ['', ...steps.slice(above.split('/').length)];
  const patterns = [app.mountpath ?? ''].flat().map(String);
  const own = patterns.find((pattern) => fits({ pattern, steps: stepsOf(pattern) }, rest)) ?? patterns[0] ?? '';
  return above + own.replace(/\/$/, '');
}

function pathOf(url: string): string {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}
