import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { clientAddress, listenAddress, proxyList } from './addresses.ts';

describe('an address to listen on', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.2', '127.0.0.2', true],
    ['localhost', 'localhost', true],
    ['::1', '[::1]', true],
    ['[::1]', '[::1]', true],
    ['0:0:0:0:0:0:0:1', '[::1]', true],
    ['::ffff:127.0.0.1', '[::ffff:7f00:1]', true],
    ['0.0.0.0', '0.0.0.0', false],
    ['::', '[::]', false],
    ['10.1.2.3', '10.1.2.3', false],
    ['kit.internal', 'kit.internal', false],
  ])('%s is printed as %s', (text, urlHost, isLoopback) => {
    const address = listenAddress(text);
    expect([address.urlHost, address.isLoopback]).toEqual([urlHost, isLoopback]);
    expect(new URL(`http://${urlHost}:80`).hostname).toBe(urlHost);
    expect(address.host).not.toContain('[');
  });

  it.each(['', ' ', 'a b', 'http://x', '[::1', 'x/y', '-x', 'user@host'])('is not %j', (text) => {
    expect(() => listenAddress(text)).toThrow('is neither a host name nor an address');
  });
});

describe('the client behind a proxy', () => {
  const trusted = proxyList(['10.0.0.0/8', 'loopback', 'fd00::1']);

  it('is the last address that does not belong to a trusted proxy', () => {
    expect(clientAddress('127.0.0.1', '203.0.113.7', trusted)).toBe('203.0.113.7');
    expect(clientAddress('10.1.1.1', '203.0.113.7, 10.2.2.2', trusted)).toBe('203.0.113.7');
    expect(clientAddress('::ffff:10.1.1.1', '[2001:db8::5]:4711', trusted)).toBe('2001:db8::5');
    expect(clientAddress('fd00::1', '198.51.100.4:55', trusted)).toBe('198.51.100.4');
  });

  it('is the peer of the connection if that is not a trusted proxy, whatever the header says', () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        expect(clientAddress('203.0.113.9', header, trusted)).toBe('203.0.113.9');
        expect(clientAddress('127.0.0.1', header, null)).toBe('127.0.0.1');
      }),
      runs(100),
    );
    expect(clientAddress('203.0.113.9', null, trusted)).toBe('203.0.113.9');
    expect(clientAddress(undefined, '203.0.113.7', trusted)).toBeNull();
  });

  it('is the nearest proxy if the entry before it is not an address', () => {
    expect(clientAddress('10.1.1.1', 'unknown', trusted)).toBe('10.1.1.1');
    expect(clientAddress('10.1.1.1', '203.0.113.7, _hidden, 10.9.9.9', trusted)).toBe('10.9.9.9');
    expect(clientAddress('10.1.1.1', '', trusted)).toBe('10.1.1.1');
  });

  it('refuses an ambiguous list', () => {
    for (const entry of ['10.0.0.0/33', 'proxy.internal', '10.0.0.0/x', ''])
      expect(() => proxyList([entry])).toThrow('trustedProxies');
  });
});
