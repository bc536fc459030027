import { KitError, type RouteName } from '@pik/schema';

import type { Answer } from './call.ts';

/** A key that pages of some origins may use. */
interface OriginKey {
  readonly name: string;
  readonly origins?: readonly string[] | undefined;
}

/** The rules for pages in browsers. */
export interface BrowserDoor {
  /** Headers with which a page may read the answer of a route; none unless its origin has a key. */
  headers(request: Request, routes: readonly RouteName[]): Readonly<Record<string, string>>;
  /** The answer to a browser that asks before a request; null if it asks for something else. */
  preflight(request: Request, routes: readonly RouteName[]): Answer | null;
}

/** The routes that pages may call: those that only add events. */
const PAGE_ROUTES: ReadonlySet<RouteName> = new Set(['ingest', 'otlpLogs', 'segment']);

/** True for a route that pages may call. */
export function isPageRoute(name: RouteName): boolean {
  return PAGE_ROUTES.has(name);
}

/** Headers that an SDK in a page sends. */
const ALLOWED_HEADERS = 'authorization, content-encoding, content-type, traceparent, x-request-id';
const PREFLIGHT_S = 7_200;

/** Opens the routes for events to the origins of the keys, and no other route. */
export function createBrowserDoor(keys: readonly OriginKey[] = []): BrowserDoor {
  const origins = new Set(keys.flatMap((key) => key.origins ?? []));
  const headers: BrowserDoor['headers'] = (request, routes) => {
    if (origins.size === 0 || !routes.some(isPageRoute)) return {};
    const origin = request.headers.get('origin');
    if (origin === null || !origins.has(origin)) return { vary: 'origin' };
    return {
      ...{ vary: 'origin', 'access-control-allow-origin': origin, 'cross-origin-resource-policy': 'cross-origin' },
      'access-control-expose-headers': 'retry-after, x-request-id',
    };
  };
  return {
    headers,
    preflight(request, routes) {
      const own = headers(request, routes);
      if (!request.headers.has('access-control-request-method') || !('access-control-allow-origin' in own)) return null;
      const allowed = {
        ...{ 'access-control-allow-methods': 'POST', 'access-control-allow-headers': ALLOWED_HEADERS },
        'access-control-max-age': String(PREFLIGHT_S),
      };
      return { status: 204, body: null, headers: { ...own, ...allowed } };
    },
  };
}

/** Checks the use of a key: pages may use only keys of their origin. Throws `FORBIDDEN`. */
export function checkOrigin({ name, origins }: OriginKey, request: Request, route: RouteName): void {
  if (origins === undefined) return;
  if (!isPageRoute(route)) throw new KitError('FORBIDDEN', `the key ${name} is for pages, which can only send events`);
  const origin = request.headers.get('origin');
  if (origin !== null && origins.includes(origin)) return;
  throw new KitError('FORBIDDEN', `the key ${name} is for pages of ${origins.join(', ')}`);
}

/** The reason why a key cannot be used by pages; null if it can. */
export function originFault(origins: readonly string[], scopes: readonly string[]): string | null {
  const bad = origins.find((origin) => !isOrigin(origin));
  if (bad !== undefined || origins.length === 0) return 'needs origins such as https://shop.example';
  // Everybody can read the key in the page.
  return scopes.join() === 'ingest' ? null : 'has origins, so its only scope must be ingest';
}

function isOrigin(text: unknown): boolean {
  return typeof text === 'string' && URL.canParse(text) && new URL(text).origin === text;
}

/** The key in the URL of a request: `sendBeacon` cannot send headers. */
export function keyInUrl(request: Request): string | null {
  return request.url.includes('key=') ? new URL(request.url).searchParams.get('key') : null;
}

/** The URL without its key, for everything that reads or shows the URL. */
export function withoutKey(url: string): string {
  const parsed = new URL(url);
  parsed.searchParams.delete('key');
  return parsed.href;
}
