// The page Find in a real browser: a search on two weeks of a shop, and what arrives at `pik serve` while it is killed and
// started again.
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { type ServedPik, sendEvents, serveWithThreads, temporaryDir } from '../served.ts';
import { CHROMIUM, openBrowser, openContext, PATIENCE, watchPage } from './browser.ts';
import { type ServedStory, serveStory } from './served-story.ts';

describe.skipIf(CHROMIUM === null)('Find', () => {
  let browser: Browser;
  let story: ServedStory;
  let server: ServedPik | null = null;
  beforeAll(async () => {
    [browser, story] = await Promise.all([openBrowser(), serveStory()]);
  });
  afterEach(() => server?.child.kill('SIGKILL'));
  afterAll(async () => {
    await browser?.close();
    await story?.close();
  });

  async function visit(url: string, path: string) {
    const context = await openContext(browser, { viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
    const watched = await watchPage(context, url);
    await watched.open(path);
    return watched;
  }

  it('searches as it is typed, says how far it came, and shows one receipt next to the list', async () => {
    const { page, shows, axe, fits, faults } = await visit(story.url, '/ui');
    await page.keyboard.press('/');
    await page.locator('input[aria-label^="Find"]:focus').fill('reject_code = TIME_WITHOUT_OFFSET');
    await page.keyboard.press('Enter');
    await shows('3 matches');
    await shows('Scanned 1,053 packs with 3,245 receipts');
    await page.locator('main').focus();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await shows('"source": "warehouse"');
    expect(new URL(page.url()).searchParams.get('open')).toMatch(/^[0-9a-f-]{36}\/\d+$/);
    expect(await axe()).toEqual([]);
    await fits(400);
    expect(faults).toEqual([]);
  });

  it('keeps only the rows in view in the page, however long the list', async () => {
    const { page, shows, faults } = await visit(story.url, '/ui/events?q=outcome%20%3D%20ACCEPTED');
    await page.getByRole('button', { name: 'Search on' }).click();
    await shows('1,000 matches');
    const table = page.locator('.long table');
    await expect.poll(() => table.getAttribute('aria-rowcount'), PATIENCE).toBe('1001');
    expect(await table.locator('tbody tr').count()).toBeLessThan(80);
    await page.locator('.long').evaluate((box) => box.scrollTo({ top: box.scrollHeight }));
    await page.locator('tr[data-row="999"]').waitFor();
    expect(faults).toEqual([]);
  });

  it('names the place of a fault in an expression', async () => {
    const { shows, faults } = await visit(story.url, '/ui/events?q=source%20%3D%3D');
    await shows('where cannot be read');
    expect(faults).toEqual([]);
  });

  it('selects rows and plans their replay', async () => {
    const { page, shows, faults } = await visit(story.url, '/ui/events?q=entity_id%20%3D%20belt-1');
    await page.locator('tr[data-row="1"]').waitFor();
    for (const key of ['j', 'x', 'j', 'x']) await page.keyboard.press(key);
    await shows('2 events selected');
    await page.keyboard.press('r');
    await shows('2 events: ');
    expect(faults).toEqual([]);
  });

  it('compares the box of a drag with Shift with the rest, and names what sets repeats apart', async () => {
    const { page, shows, open, axe, faults } = await visit(story.url, '/ui/lag');
    const box = await page.locator('.canvas svg').first().boundingBox();
    const [left, top] = [(box?.x ?? 0) + 260, (box?.y ?? 0) + 30];
    await page.mouse.move(left, top);
    await page.mouse.down();
    await page.mouse.move(left + 200, top + 5, { steps: 3 });
    await page.keyboard.down('Shift');
    await page.mouse.up();
    await page.keyboard.up('Shift');
    await shows('in A,');
    const group = new URL(page.url()).searchParams.get('a');
    expect(group).toMatch(/^event_time >= "2026-.*" and event_time < "2026-.*" and \(\(\(source == "checkout"\)/);
    expect(await axe()).toEqual([]);
    await open('/ui/compare?a=outcome%20%3D%20DUPLICATE');
    const strongest = page.locator('main tbody a').first();
    expect(await strongest.innerText()).toMatch(/checkout|order\.placed|payload\./);
    await strongest.click();
    await shows('92 matches');
    await open('/ui/schema?since=2026-03-11');
    await shows('payload.total_cents');
    expect(await axe()).toEqual([]);
    expect(faults).toEqual([]);
  });

  it('shows what arrives, each receipt once, also through a restart; it waits while the reader is further down', async () => {
    const dir = join(temporaryDir(), 'data');
    const started = await serveWithThreads(dir);
    server = started;
    const { url } = started;
    const event_time = new Date().toISOString();
    const send = (from: number, to: number) => {
      const series = { source: 's', event_type: 't', event_time, payload: {} };
      return sendEvents(
        url,
        Array.from({ length: to - from }, (_, n) => ({ ...series, entity_id: `e${from + n}` })),
      );
    };
    await send(0, 5);
    const { page, shows, faults } = await visit(url, '/ui/events?live=true');
    await shows('live');
    const entities = () => page.locator('tr[data-row] td:nth-child(3)').allInnerTexts();
    const upTo = (end: number) => Array.from({ length: end }, (_, n) => `e${end - 1 - n}`);
    await expect.poll(entities, PATIENCE).toEqual(upTo(5));
    await send(5, 8);
    await expect.poll(entities, PATIENCE).toEqual(upTo(8));
    started.child.kill('SIGKILL');
    await started.ended;
    await shows('the server cannot be reached');
    server = await serveWithThreads(dir, ['--port', new URL(url).port]);
    await send(8, 80);
    await expect.poll(async () => (await entities()).slice(0, 30), PATIENCE).toEqual(upTo(80).slice(0, 30));
    await page.locator('.long').evaluate((box) => box.scrollTo({ top: 900 }));
    await page.locator('tr[data-row="0"]').waitFor({ state: 'detached' });
    await send(80, 97);
    await page.getByRole('button', { name: '17 new ↑' }).click();
    await expect.poll(async () => (await entities())[0], PATIENCE).toBe('e96');
    expect(await page.locator('.long table').getAttribute('aria-rowcount')).toBe('98');
    await page.keyboard.press('t');
    await page.waitForURL((address) => !address.searchParams.has('live'));
    expect(faults.filter((fault) => !fault.includes('ERR_'))).toEqual([]);
  });
});
