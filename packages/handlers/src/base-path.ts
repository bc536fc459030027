import { ROUTES, type Route } from '@pik/schema';

/** The fields of an event that determine where the path of the API begins. */
export interface PathFacts {
  readonly rawPath: string;
  /** The route that the API matched, such as `ANY /replays/{replay_id}/cancel`, or `$default`. */
  readonly routeKey?: string | undefined;
  readonly stage?: string | undefined;
}

const PATTERNS = (Object.values(ROUTES) as Route[]).map(({ path }) => path.split('/').slice(1));
/** The maximum number of levels in the mapping of a custom domain; API Gateway itself has no limit. */
const MAPPING_LEVELS_MAX = 5;

/**
 * The path below the stage and the mapping of a custom domain, which API Gateway leaves in the path. The matched route
 * determines the length of the path; without one, it is the longest suffix that matches a route of the kit, or that
 * begins with `ui`, the folder of the console. A path without
 * such a suffix stays as it is.
 */
export function pathBelowPrefix({ rawPath, routeKey = '$default', stage = '$default' }: PathFacts): string {
  const withoutStage =
    stage !== '$default' && isBelow(rawPath, `/${stage}`) ? rawPath.slice(stage.length + 1) : rawPath;
  const path = withoutStage === '' ? '/' : withoutStage;
  const segments = path.split('/').slice(1);
  const matched = /^\S+ \/(.*)$/.exec(routeKey)?.[1];
  if (matched !== undefined && !matched.includes('+}')) {
    const length = matched.split('/').length;
    return `/${segments.slice(Math.max(0, segments.length - length)).join('/')}`;
  }
  // Pages of the console lie at any depth, and their ends look like routes.
  const consoleAt = segments.indexOf('ui');
  if (consoleAt >= 0 && consoleAt <= MAPPING_LEVELS_MAX) return `/${segments.slice(consoleAt).join('/')}`;
  for (let prefix = 0; prefix <= Math.min(MAPPING_LEVELS_MAX, segments.length - 1); prefix++) {
    const end = segments.slice(prefix);
    // An empty suffix would match the home page, as any prefix with a trailing slash would.
    if (PATTERNS.some((pattern) => fits(pattern, end)) && (prefix === 0 || end.join('') !== ''))
      return `/${end.join('/')}`;
  }
  return path;
}

const isBelow = (path: string, prefix: string) => path === prefix || path.startsWith(`${prefix}/`);

function fits(pattern: readonly string[], segments: readonly string[]): boolean {
  return (
    pattern.length === segments.length &&
    pattern.every((part, i) => (part.startsWith(':') ? segments[i] !== '' : part === segments[i]))
  );
}
