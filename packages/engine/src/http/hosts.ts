import { KitError } from '@pik/schema';

/** The host names of a server that only its own machine can reach. */
export const LOOPBACK_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Refuses requests that name another host. A page in a browser can make its own name point to 127.0.0.1 and then talk
 * to a local server as its own origin; the host name reveals it.
 *
 * @throws KitError `HOST_FORBIDDEN`.
 */
export function checkHost(request: Request, allowedHosts: readonly string[] | undefined): void {
  if (allowedHosts === undefined) return;
  const named = [new URL(request.url).host, request.headers.get('host')];
  for (const host of named) {
    if (host !== null && !allowedHosts.includes(hostname(host))) {
      throw new KitError('HOST_FORBIDDEN', `call it as ${allowedHosts.join(', ')}`);
    }
  }
}

function hostname(host: string): string {
  return /^(\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::\d{1,5})?$/.exec(host.toLowerCase())?.[1] ?? '';
}
