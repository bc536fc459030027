// States of the console's pages in a real browser: partial answers, too little history, a zoom of 200 %, and hostile texts in
// every field of an event.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CHROMIUM, openBrowser, openContext, watchPage } from './browser.ts';
import { type ServedStory, serveStory } from './served-story.ts';

/** Texts that are markup, scripts, addresses, templates, formulas or characters that hide and reorder others. */
const HOSTILE = [
  '"><img src=x onerror=alert(1)>',
  '<script>alert(2)</script>',
  "javascript:alert(3)//'",
  '</title></style></textarea><svg onload=alert(4)>',
  '{{constructor.constructor("alert(5)")()}}',
  '\u202egnp.exe\u2066\u200b\u0007',
  '=HYPERLINK("http://evil.example")',
  '__proto__',
  '\\u003cb\\u003e&lt;b&gt;&#60;b&#62;',
  'a"b\'c`d$' + '{1}',
];

describe.skipIf(CHROMIUM === null)('the console', () => {
  let browser: Browser;
  let story: ServedStory;
  let few: ServedStory;
  beforeAll(async () => {
    [browser, story, few] = await Promise.all([openBrowser(), serveStory(), serveStory({ empty: true })]);
  });
  afterAll(async () => {
    await browser?.close();
    await Promise.all([story?.close(), few?.close()]);
  });

  async function visit({ url }: ServedStory, path: string, width = 1280) {
    const context = await openContext(browser, { viewport: { width, height: 900 }, reducedMotion: 'reduce' });
    const watched = await watchPage(context, url);
    await watched.open(path);
    return watched;
  }

  function send({ url }: ServedStory, events: readonly object[]) {
    const headers = { 'content-type': 'application/json' };
    return fetch(`${url}/ingest`, { method: 'POST', headers, body: JSON.stringify(events) });
  }

  it('fits a screen of 1,280 pixels at a zoom of 200 %', async () => {
    const { page, open, faults } = await visit(story, '/ui', 640);
    for (const path of [
      '/ui',
      '/ui/events?q=warehouse',
      '/ui/failures',
      '/ui/gaps',
      '/ui/compare?a=outcome%20%3D%20DUPLICATE',
    ]) {
      await open(path);
      const { scrollWidth, clientWidth } = await page.evaluate(() => document.documentElement);
      expect([path, scrollWidth]).toEqual([path, clientWidth]);
    }
    expect(faults).toEqual([]);
  });

  it('says that an answer is partial, what it covers, and why', async () => {
    const { page, shows, faults } = await visit(story, '/ui/lag');
    await page.route('**/reports/gaps*', async (route) => {
      const response = await route.fetch();
      const covered = { basis: 'event', start_time: '2026-03-01T00:00:00Z', end_time: null, divided_days: [] };
      const json = { ...(await response.json()), partial: true, covered, notes: ['The time of one answer is used.'] };
      await route.fulfill({ response, json });
    });
    await page.getByRole('link', { name: 'Gaps', exact: true }).click();
    await shows('partial');
    await shows('covers 2026-03-01T00:00:00Z to the end');
    await shows('The time of one answer is used.');
    expect(faults).toEqual([]);
  });

  it('names what too little history cannot judge', async () => {
    const event_time = '2026-02-28T10:00:00Z';
    await send(few, [{ source: 'new', event_type: 't', entity_id: 'e', event_time, payload: {} }]);
    const { open, shows, faults } = await visit(few, '/ui');
    await shows('too few closed days');
    await open('/ui/gaps');
    await shows('cannot be judged');
    expect(faults).toEqual([]);
  });

  it('shows hostile texts in every field of an event as text', async () => {
    const kit = await serveStory({ empty: true });
    try {
      const event_time = '2026-02-28T12:00:00Z';
      const events = HOSTILE.flatMap((text, n) => [
        {
          source: text,
          event_type: text,
          entity_id: text,
          idempotency_key: text,
          event_time,
          payload: { [text]: text },
        },
        // Rejected, so that Failures and Find show it too.
        { source: text, event_type: text, entity_id: text, event_time: text, payload: { n } },
      ]);
      expect((await send(kit, events)).status).toBeLessThan(300);
      const { page, open, axe, faults } = await visit(kit, '/ui/events');
      page.on('dialog', () => expect.unreachable('a script of an event ran'));
      for (const path of [
        ...['/ui', '/ui/events', '/ui/events?q=has(source)', '/ui/schema', '/ui/compare?a=outcome%20%3D%20REJECTED'],
        ...['/ui/lag', '/ui/gaps', '/ui/completeness', '/ui/duplicates', '/ui/failures'],
        `/ui/events?q=${encodeURIComponent(`source == ${JSON.stringify(HOSTILE[0])}`)}`,
        `/ui/events?q=${encodeURIComponent(HOSTILE[1] ?? '')}&source=${encodeURIComponent(HOSTILE[2] ?? '')}`,
      ]) {
        await open(path);
        expect([path, await page.locator('main img, main script, main svg[onload]').count()]).toEqual([path, 0]);
      }
      await open('/ui/events?q=has(source)');
      await page.locator('tr[data-row] a').first().click();
      await page.locator('.sheet pre').waitFor();
      expect(await axe()).toEqual([]);
      expect(faults).toEqual([]);
    } finally {
      await kit.close();
    }
  });
});
