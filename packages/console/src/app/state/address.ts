import { useLocation } from 'preact-iso/router';

/** The path of the root of the API, with a slash at its end: assets lie two folders below it. */
export const ROOT = new URL('../../', import.meta.url).pathname;

/** The parts of an address that every page keeps, as two people with one link see the same. */
export const SHARED_FIELDS = ['from', 'to', 'as_of', 'tz', 'source', 'type', 'imported'] as const;

/** Fields of an address by name; null removes a field. */
export type Fields = Readonly<Record<string, string | number | null | undefined>>;

/** The current address of the page and how to change it. */
export interface Address {
  /** Path below `ui`, such as `/lag`; the first page is `/`. */
  readonly path: string;
  readonly fields: Readonly<Record<string, string>>;
  /** The address of a page with the shared fields of this one; `fields` adds, replaces or removes some. */
  link(path: string, fields?: Fields): string;
  /** Goes to a page; with `replace` without a new entry in the history. */
  go(href: string, options?: { readonly replace?: boolean }): void;
  /** Changes fields of this page. */
  set(fields: Fields, options?: { readonly replace?: boolean }): void;
}

/** Path of an address below `ui`. */
export function pageOf(pathname: string): string {
  const below = pathname.startsWith(ROOT) ? pathname.slice(ROOT.length) : pathname.replace(/^\//, '');
  return `/${below.replace(/^ui\/?/, '')}`;
}

/** The address of a page below `ui` with these fields. */
export function addressOf(path: string, fields: Fields): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields))
    if (value !== null && value !== undefined && value !== '') query.set(name, String(value));
  const text = query.toString();
  return `${ROOT}ui${path === '/' ? '' : path}${text === '' ? '' : `?${text}`}`;
}

/** The address of the page, and links from it. */
export function useAddress(): Address {
  const { path: pathname, query, route } = useLocation();
  const path = pageOf(pathname);
  const shared = Object.fromEntries(SHARED_FIELDS.map((name) => [name, query[name]]));
  const go: Address['go'] = (href, { replace = false } = {}) => route(href, replace);
  return {
    path,
    fields: query,
    link: (to, fields = {}) => addressOf(to, { ...shared, ...fields }),
    go,
    set: (fields, options) => go(addressOf(path, { ...query, ...fields }), options),
  };
}
