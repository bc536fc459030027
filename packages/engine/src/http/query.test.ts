import { KitError, type RouteName } from '@pik/schema';
import { describe, expect, it } from 'vitest';

import { parseQuery } from './query.ts';

const parse = (name: RouteName, query: string) =>
  parseQuery(name, { url: `http://pik.internal/x?${query}`, params: {} });

function faultOf(run: () => unknown): { code: string; path: string | undefined } | null {
  try {
    run();
    return null;
  } catch (error) {
    if (!KitError.is(error)) throw error;
    return { code: error.code, path: error.path };
  }
}

const invalidAt = (path: string) => ({ code: 'REQUEST_INVALID', path });

describe('a query', () => {
  it('is read by the schema of its route', () => {
    expect(parse('timeline', 'entity_id=a%20b%2Fc+d&limit=10')).toEqual({ entity_id: 'a b/c d', limit: 10 });
    expect(parse('ingest', 'dry_run=true')).toEqual({ dry_run: true });
    expect(parse('ingest', 'dry_run=false')).toEqual({ dry_run: false });
    expect(parse('lag', 'by=source,day&include_imported=true')).toEqual({
      by: ['source', 'day'],
      include_imported: true,
    });
    expect(parse('ingest', '')).toEqual({});
    expect(parse('ingest', '&')).toEqual({});
    expect(parseQuery('ingest', { url: 'http://pik.internal/x', params: {} })).toEqual({});
    expect(parseQuery('ingest', { url: 'http://pik.internal/x?dry_run=true#dry_run=false', params: {} })).toEqual({
      dry_run: true,
    });
  });

  it.each<[RouteName, string, string]>([
    ['timeline', '', '/entity_id'],
    ['timeline', 'entity_id=', '/entity_id'],
    ['timeline', 'entity_id=a&limit=0', '/limit'],
    ['timeline', 'entity_id=a&limit=-5', '/limit'],
    ['timeline', 'entity_id=a&limit=abc', '/limit'],
    ['timeline', 'entity_id=a&limit=1.5', '/limit'],
    ['timeline', 'entity_id=a&limit=1e3', '/limit'],
    ['timeline', 'entity_id=a&limit=1001', '/limit'],
    ['timeline', 'entity_id=a&limit=', '/limit'],
    ['timeline', 'entity_id=a&entity_id=b', '/entity_id'],
    ['timeline', 'entity_id=a&include=raw', '/include'],
    ['timeline', 'entity_id=a&what=1', '/what'],
    ['timeline', 'entity_id=%ff', '/entity_id'],
    ['timeline', 'entity_id=%', '/entity_id'],
    ['timeline', 'entity_id=a&__proto__=1', '/__proto__'],
    ['timeline', 'entity_id=a&a%2Fb~=1', '/a~1b~0'],
    ['ingest', 'dry_run=1', '/dry_run'],
    ['ingest', 'dry_run=yes', '/dry_run'],
    ['ingest', 'dry_run=TRUE', '/dry_run'],
    ['ingest', 'dry_run', '/dry_run'],
    ['ingest', 'dryrun=true', '/dryrun'],
    ['lag', 'by=', '/by'],
    ['lag', 'by=source,entity_id', '/by'],
    ['lag', 'basis=stored', '/basis'],
    ['lag', 'late_over_ms=-1', '/late_over_ms'],
    ['healthz', 'x=1', '/x'],
    ['home', '__proto__=1', '/__proto__'],
  ])('of %s is refused where it says %s', (name, query, path) => {
    expect(faultOf(() => parse(name, query))).toEqual(invalidAt(path));
  });
});
