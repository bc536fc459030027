import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';

import { bundleConsole } from '../src/bundle.ts';
import type { ConsoleFile } from '../src/index.ts';

const KB = 1000;

let files: Map<string, ConsoleFile>;
beforeAll(async () => {
  files = new Map(Object.entries(await bundleConsole()));
});

const gzipped = (names: Iterable<string>) =>
  [...names].reduce((sum, name) => sum + gzipSync(files.get(name)?.text ?? '', { level: 9 }).length, 0);
const scripts = () => [...files.keys()].filter((name) => name.endsWith('.js'));

/** The scripts that a browser loads before the first page: an entry and all that it imports statically. */
function firstRoute(): Set<string> {
  const loaded = new Set<string>();
  const load = (name: string) => {
    if (loaded.has(name)) return;
    loaded.add(name);
    for (const [, other] of files.get(name)?.text.matchAll(/(?:from|import)"\.\/([^"]+)"/g) ?? [])
      load(other as string);
  };
  load(scripts().find((name) => name.startsWith('main-')) ?? '');
  return loaded;
}

describe('sizes, compressed', () => {
  it('the first route has at most 45 kB of scripts', () => {
    expect(firstRoute().size).toBeGreaterThan(1);
    expect(gzipped(firstRoute())).toBeLessThan(45 * KB);
  });

  it('the style has at most 8 kB', () => {
    expect(gzipped([...files.keys()].filter((name) => name.endsWith('.css')))).toBeLessThan(8 * KB);
  });

  it('all of it has at most 200 kB', () => expect(gzipped(files.keys())).toBeLessThan(200 * KB));

  it('each page but the first is a script of its own', () => {
    expect(scripts().length - firstRoute().size).toBeGreaterThanOrEqual(7);
  });
});

describe('content', () => {
  // Texts of errors name the router's documentation and examples of addresses.
  it('names no other origin than the namespaces of the browser', () => {
    const named = [...files.values()].flatMap(({ text }) => text.match(/https?:\/\/[\w.-]+/g) ?? []);
    expect(new Set(named)).toEqual(
      new Set(['http://www.w3.org', 'https://github.com', 'https://kit.example.com', 'http://pik.internal']),
    );
  });

  it('evaluates no text', () => {
    for (const { text } of files.values()) expect(text).not.toMatch(/\beval\(|new Function\(|document\.write/);
  });
});
