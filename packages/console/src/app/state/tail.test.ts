// A tail against a scripted server: what it gets in which order, and what each request says. The console runs in a browser, so
// its storage is replaced before it loads.
import type { Match } from '@pik/schema';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

type Answer = (request: { headers: Record<string, string>; signal: AbortSignal }) => Response | Promise<Response>;

const NOW = { pollMs: 0, retryMs: 0 };
const event = (n: number) => `id: c${n}\ndata: ${JSON.stringify({ pack_id: 'p', line: n })}\n\n`;
const streamOf = (...parts: string[]) =>
  new Response(parts.join(''), { headers: { 'content-type': 'text/event-stream' } });
const pageOf = (lines: number[], next_cursor: string, is_current: boolean) =>
  Response.json({ matches: lines.map((line) => ({ pack_id: 'p', line })), next_cursor, is_current, unreadable: [] });

/** Follows until the script has no answer left. */
async function follow(script: readonly Answer[]) {
  const ended = new AbortController();
  const asked: (string | undefined)[] = [];
  const lines: number[] = [];
  const states: string[] = [];
  let skipped = 0;
  let at = 0;
  vi.stubGlobal(
    'fetch',
    async (_: string, { headers, signal }: { headers: Record<string, string>; signal: AbortSignal }) => {
      const answer = script[at];
      at += 1;
      if (answer === undefined) {
        ended.abort();
        throw new DOMException('aborted', 'AbortError');
      }
      asked.push(headers['last-event-id']);
      return answer({ headers, signal });
    },
  );
  const { followTail } = await import('./tail.ts');
  const outcome = await followTail(
    { where: 'source = x' },
    {
      ...{ signal: ended.signal, pauses: NOW },
      onMatches: (matches: readonly Match[]) => lines.push(...matches.map(({ line }) => line)),
      onSkipped: (count) => {
        skipped += count;
      },
      onState: (state) => states.push(state),
    },
  ).then(
    () => 'ended',
    ({ code }: { code: string }) => code,
  );
  return { asked, lines, states, skipped, outcome };
}

beforeEach(() => vi.stubGlobal('sessionStorage', { getItem: () => null }));
afterEach(() => vi.unstubAllGlobals());

describe('a tail', () => {
  it('continues after the last id when its stream ends, also within an event, and while the server is gone', async () => {
    const { asked, lines, states } = await follow([
      () => streamOf('id: c0\n\n', event(1), event(2), 'id: c3\ndata: {"pack_id":'),
      () => {
        throw new TypeError('fetch failed');
      },
      () => new Response('', { status: 503 }),
      () => streamOf(event(3)),
    ]);
    expect(lines).toEqual([1, 2, 3]);
    expect(asked).toEqual([undefined, 'c2', 'c2', 'c2']);
    expect(states.slice(0, 3)).toEqual(['connecting', 'live', 'lost']);
  });

  it('counts what the server left out', async () => {
    const part = 'event: skipped\nid: c9\ndata: {"from":"c1","to":"c9","count":1204}\n\n';
    const { skipped, asked } = await follow([() => streamOf(part), () => streamOf(event(10))]);
    expect([skipped, asked]).toEqual([1204, [undefined, 'c9']]);
  });

  it('asks page after page where the server has no stream', async () => {
    const { asked, lines, states } = await follow([
      () => pageOf([1, 2], 'c2', false),
      () => pageOf([3], 'c3', true),
      () => pageOf([], 'c3', true),
    ]);
    expect(lines).toEqual([1, 2, 3]);
    expect(asked).toEqual([undefined, 'c2', 'c3']);
    expect(states).toContain('polling');
  });

  it('ends with the error of a request that cannot succeed', async () => {
    const problem = { code: 'REQUEST_INVALID', status: 400, retryable: false, detail: 'where cannot be read' };
    const { outcome, asked } = await follow([() => Response.json(problem, { status: 400 })]);
    expect([outcome, asked.length]).toEqual(['REQUEST_INVALID', 1]);
  });
});
