import { BlockList, isIP, isIPv6 } from 'node:net';

import { KitError } from '@pik/schema';

/** An address to listen on, in the forms that Node and URLs take. */
export interface ListenAddress {
  /** A host name, or an address without brackets. */
  readonly host: string;
  /** The same for a URL: IPv6 in brackets, in its shortest form. */
  readonly urlHost: string;
  /** True if only this machine can reach it. */
  readonly isLoopback: boolean;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * Parses an address to listen on: a host name, IPv4, or IPv6 with or without brackets.
 *
 * @throws KitError `CONFIG_INVALID`.
 */
export function listenAddress(text: string): ListenAddress {
  const host = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  if (!isIP(host) && !/^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$/.test(host))
    throw new KitError('CONFIG_INVALID', `--host ${JSON.stringify(text)} is neither a host name nor an address`);
  const urlHost = new URL(`http://${isIPv6(host) ? `[${host}]` : host}`).hostname;
  return { host, urlHost, isLoopback: isLoopback(host) };
}

function isLoopback(host: string): boolean {
  const version = isIP(host);
  if (version === 0) return host.toLowerCase() === 'localhost';
  return LOOPBACK.check(host, version === 6 ? 'ipv6' : 'ipv4');
}

/**
 * Builds the list of proxies that the server trusts to name the client. Each entry is an address, a network such as
 * `10.0.0.0/8`, or `loopback`.
 *
 * @throws KitError `CONFIG_INVALID` naming the entry.
 */
export function proxyList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    if (entry === 'loopback') {
      list.addSubnet('127.0.0.0', 8, 'ipv4');
      list.addAddress('::1', 'ipv6');
      continue;
    }
    const [address = '', bits] = entry.split('/');
    const version = isIP(address);
    const max = version === 6 ? 128 : 32;
    if (version === 0 || (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= max)))
      throw new KitError('CONFIG_INVALID', `trustedProxies: ${entry} is neither an address, a network, nor loopback`);
    list.addSubnet(address, bits === undefined ? max : Number(bits), version === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

/**
 * The client of a request: the peer of the connection or, if that is a trusted proxy, the last address in
 * `X-Forwarded-For` that is not a trusted proxy. Addresses to its left may be forged.
 */
export function clientAddress(
  peer: string | undefined,
  forwardedFor: string | null,
  trusted: BlockList | null,
): string | null {
  const chain = [...(forwardedFor ?? '').split(',').map((part) => part.trim()), peer ?? ''];
  let nearest: string | null = null;
  for (const hop of chain.reverse()) {
    const address = plain(hop);
    if (address === null) return nearest;
    nearest = address;
    const isTrusted = trusted?.check(address, isIPv6(address) ? 'ipv6' : 'ipv4') ?? false;
    if (!isTrusted) return address;
  }
  return nearest;
}

/** The bare address without port or brackets, with IPv4-mapped IPv6 as IPv4; null if the text is not an address. */
function plain(text: string): string | null {
  const bare = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ?? text;
  const address = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1] ?? bare;
  return isIP(address) === 0 ? null : address;
}
