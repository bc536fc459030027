/** The part of Express's routers that is used here, in versions 4 and 5. */
interface RouterLike {
  readonly stack?: readonly LayerLike[] | undefined;
}

/** An application; the name of its router depends on the version. */
export interface AppLike extends RouterLike {
  readonly parent?: AppLike | undefined;
  readonly mountpath?: string | readonly string[] | undefined;
  readonly router?: RouterLike | undefined;
  readonly _router?: RouterLike | undefined;
  readonly use?: unknown;
  /** The prototype of its responses. */
  readonly response?: object | undefined;
}

/** The applications in which to search for a route. */
export interface Apps {
  /** The application that answered. */
  readonly app: AppLike | undefined;
  /** The application in which the middleware first saw requests. */
  readonly outer: AppLike | undefined;
}

/** A route of a declared path. */
export interface RouteLike {
  readonly path: unknown;
}

interface LayerLike {
  readonly route?: RouteLike | undefined;
  readonly handle?: AppLike | undefined;
  /**
   * Since 5.3 it returns the match. Before, it returns true and stores path and params on the layer until the next
   * match.
   */
  match(path: string): boolean | Match;
  readonly path?: string | undefined;
  readonly params?: Params | undefined;
}

type Params = Readonly<Record<string, unknown>>;

interface Match {
  readonly path: string;
  readonly params: Params;
  /** The declared pattern; since 5.3. */
  readonly pattern?: unknown;
}

/** The layers from an application's router down to the route: all but the last are mounts. */
type Chain = readonly LayerLike[];

/** The pattern of the mounts for one path; it holds for all paths that differ only in parameters. */
interface Mount {
  readonly steps: readonly (string | null)[];
  readonly pattern: string;
}

/** The position of a route in an application. */
interface RoutePosition {
  readonly app: AppLike | undefined;
  readonly searches: number;
  readonly chains: readonly Chain[];
  readonly mounts: Mount[];
}

const DEPTH_MAX = 16;
const MOUNTS_MAX = 16;
const SEARCHES_MAX = 16;
/** Stands for an unknown part of a pattern; the received path may contain personal ids. */
const UNKNOWN = '*';

const KINDS = ['0123456789', 'abcdef', 'ABCDEF', 'ghijklmnopqrstuvwxyz', 'GHIJKLMNOPQRSTUVWXYZ'];

const positions = new WeakMap<RouteLike, readonly RoutePosition[]>();

/**
 * The pattern of a route with all its mounts, such as `/shops/:shop/orders/:id`. Express knows the route's own pattern,
 * but of its mounts only the path that they matched, and after an error not even that. So this searches the routers for
 * the route once, and finds the parameters of a mount by matching its layer again.
 */
export function routePattern({ app: inner, outer }: Apps, route: RouteLike, url: string): string {
  // An application mounted in a router has no parent.
  const app = inner?.parent === undefined && outer !== undefined && isIn(outer, route) ? outer : inner;
  const position = positionOf(app, route);
  const own = ownPattern(route);
  const [chain] = position.chains;
  const isPlain =
    (app === outer || outer === undefined) &&
    app?.parent === undefined &&
    position.chains.length === 1 &&
    chain?.length === 1;
  if (isPlain) return own;
  const path = pathOf(url);
  const isUnrelated = outer !== undefined && topOf(app) !== topOf(outer);
  if (isUnrelated) return joined(`/${UNKNOWN}`, own);
  const base = mountOfApp(app, path.split('/'));
  if (chain === undefined) return joined(`${base}/${UNKNOWN}`, own);
  const rest = path.split('/').slice(base.split('/').length);
  return joined(base + mountOf(position, `/${rest.join('/')}`), own);
}

function topOf(app: AppLike | undefined): AppLike | undefined {
  return app?.parent === undefined ? app : topOf(app.parent);
}

function isIn(app: AppLike, route: RouteLike): boolean {
  return positionOf(app, route).chains.length > 0;
}

function positionOf(app: AppLike | undefined, route: RouteLike): RoutePosition {
  const known = positions.get(route);
  const position = known?.find((entry) => entry.app === app);
  if (position !== undefined && (position.chains.length > 0 || position.searches === SEARCHES_MAX)) return position;
  const chains: Chain[] = [];
  collect(routerOf(app), { route, above: [], chains });
  // An unknown route may be in a router that is mounted later, but a search is too expensive to repeat for ever.
  const found = { app, chains, mounts: [], searches: (position?.searches ?? 0) + 1 };
  positions.set(route, [found, ...(known ?? []).filter((entry) => entry !== position)]);
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
    // In version 4 the getter `router` throws.
    return undefined;
  }
}

function mountOf(position: RoutePosition, path: string): string {
  const steps = path.split('/');
  const known = position.mounts.find((mount) => fits(mount, steps));
  if (known !== undefined) return known.pattern;
  for (const chain of position.chains) {
    const pattern = follow(chain, path);
    if (pattern === null) continue;
    if (position.mounts.length < MOUNTS_MAX) position.mounts.push({ steps: stepsOf(pattern), pattern });
    return pattern;
  }
  return `/${UNKNOWN}`;
}

function fits({ steps, pattern }: Mount, path: readonly string[]): boolean {
  // A part that may match several steps has to be matched each time.
  if (pattern.includes(UNKNOWN) || steps.length > path.length) return false;
  return steps.every((step, i) => (step === null ? path[i] !== '' : step === path[i]));
}

function stepsOf(pattern: string): (string | null)[] {
  return pattern.split('/').map((step) => (step.startsWith(':') ? null : step));
}

/** Matches the layers along the path; null if the path does not match. */
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

/** Matches a path. A layer's stored match is used only within the same turn, so another match later is harmless. */
function matchOf(layer: LayerLike, path: string): Match | null {
  const match = layer.match(path);
  if (match === true) return { path: layer.path ?? '', params: layer.params ?? {} };
  return match === false ? null : match;
}

/** The path that a mount matched, with names or `*` for the parts that vary. */
function patternOf(layer: LayerLike, match: Match): string {
  if (typeof match.pattern === 'string') return match.pattern.replace(/\/$/, '');
  const steps = match.path.split('/');
  const found = steps.map((step, at) => variableStep(layer, { steps, step, at }));
  // A parameter restricted to certain values; parameters found before are excluded.
  const left = Object.keys(match.params).filter((name) => !found.includes(`:${name}`));
  return steps.map((step, at) => found[at] ?? nameOf(match.params, left, step) ?? step).join('/');
}

/** If the layer also matches a scrambled segment, the segment is a parameter, not literal text. */
function variableStep(
  layer: LayerLike,
  { steps, step, at }: { steps: readonly string[]; step: string; at: number },
): string | null {
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

/** Repositions each letter and digit by the next of its kind, so that numbers, hex and UUIDs keep their form. */
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

/** Joins mount and route; a route `/` under a mount is the mount itself. */
function joined(mount: string, own: string): string {
  if (mount === '' || mount === '/') return own;
  return own === '/' ? mount : mount + own;
}

/** The pattern of the mounts of an application in other applications, which Express does know. */
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
