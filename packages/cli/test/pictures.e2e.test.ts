import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { pik, type ServedPik, serve, temporaryDir } from './served.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.parse('2025-12-01T00:00:00Z');

/** One event an hour for three weeks except for three hours; each arrives some minutes after it happened. */
function records(): string {
  const lines: string[] = [];
  for (let hour = 0; hour < 21 * 24; hour++) {
    if (hour >= 250 && hour < 253) continue;
    const happened = START_MS + hour * HOUR_MS;
    lines.push(
      JSON.stringify({
        source: '<b>meter</b>',
        event_type: 'reading',
        entity_id: 'm1',
        event_time: new Date(happened).toISOString(),
        received_at: new Date(happened + (hour % 40) * 60_000).toISOString(),
        payload: { hour },
      }),
    );
  }
  return `${lines.join('\n')}\n`;
}

describe('--svg and --html', () => {
  let server: ServedPik;
  const dir = temporaryDir();
  const file = (name: string) => join(dir, name);
  const ask = (command: string, args: readonly string[] = [], env: Record<string, string> = {}) =>
    pik([...command.split(' '), ...args, '--url', server.url], env);
  const RANGE = ['--from', '2025-12-01T00:00:00Z', '--to', '2025-12-22T00:00:00Z', '--include-imported'];
  beforeAll(async () => {
    server = await serve(file('data'));
    writeFileSync(file('events.ndjson'), records());
    expect((await pik(['import', file('events.ndjson'), '--url', server.url])).code).toBe(0);
  });
  afterAll(async () => {
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
  });

  const EVERY: [command: string, args: readonly string[]][] = [
    ['lag', RANGE],
    ['duplicates', RANGE],
    ['completeness', RANGE],
    ['gaps', RANGE],
    [
      'explain change',
      [
        ...['--metric', 'daily_event_count', '--key', 'm1', '--window', '2025-12-05'],
        ...['--from', '2025-12-05T12:00:00Z', '--to', '2025-12-07T00:00:00Z'],
      ],
    ],
  ];
  it.each(EVERY)('pik %s writes a chart and a self-contained report', async (command, args) => {
    const [svg, html] = [file(`${command}.svg`), file(`${command}.html`)];
    const { stderr } = await ask(command, [...args, '--svg', svg, '--html', html]);
    expect(stderr).toBe(`written: ${svg}\nwritten: ${html}\n`);
    const picture = readFileSync(svg, 'utf8');
    expect(picture).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    const page = readFileSync(html, 'utf8');
    expect(page).toContain(picture);
    // How to get it again: range or as-of time, server and command.
    for (const fact of [`<dt>server</dt><dd>${server.url}`, `<dt>command</dt><dd>pik ${command} --`])
      expect(page).toContain(fact);
    if (args === RANGE) expect(page).toMatch(/<dt>range<\/dt><dd>2025-12-01T.* to 2025-12-22T.*<dt>as of<\/dt>/);
    expect(page.replaceAll('http://www.w3.org/2000/svg', '').replaceAll(server.url, '')).not.toMatch(
      /https?:|src=|href=|<script|<b>/,
    );
  });

  it('the lag is drawn by source and hour, or by day if there are too many hours', async () => {
    const hours = file('hours.svg');
    await ask('lag', ['--from', RANGE[1] ?? '', '--to', '2025-12-03T00:00:00Z', '--include-imported', '--svg', hours]);
    expect(readFileSync(hours, 'utf8')).toContain('p90 of the lag by hour of event time');
    expect(readFileSync(file('lag.svg'), 'utf8')).toContain('p90 of the lag by day of event time');
  });

  it('reports that there is nothing to draw, and leaves machine output unchanged', async () => {
    const none = file('none.svg');
    const { stdout, stderr, code } = await ask('failures', ['--svg', none, '--json']);
    expect([code, stderr]).toEqual([0, `there is nothing to draw; ${none} was not written\n`]);
    expect(JSON.parse(stdout)).toMatchObject({ failures: 0 });
    expect(existsSync(none)).toBe(false);
  });

  it('draws with characters too: in colour on a terminal, and only there', async () => {
    // A build server is not a terminal either.
    const plain = await ask('gaps', RANGE, { NO_COLOR: '', CI: 'true' });
    expect(plain.stdout).toContain(' 2025-12-11 ··········███···········');
    expect(plain.stdout).not.toContain('\u001b');
    // The same output on a terminal.
    const coloured = await ask('gaps', RANGE, { NO_COLOR: '', FORCE_COLOR: '1' });
    expect(coloured.stdout).toContain('\u001b[31m█\u001b[39m');
  });
});
