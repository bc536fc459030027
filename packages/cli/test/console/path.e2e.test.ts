// From a symptom to its cause and to the mended value, in a real browser, on two weeks of a shop: without typing an id, and
// in at most five clicks.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CHROMIUM, openBrowser, openContext, type WatchedPage, watchPage } from './browser.ts';
import { type ServedStory, serveStory } from './served-story.ts';

const CLICKS_MAX = 5;

describe.skipIf(CHROMIUM === null)('the console', () => {
  let browser: Browser;
  let story: ServedStory;
  beforeAll(async () => {
    [browser, story] = await Promise.all([openBrowser(), serveStory()]);
  });
  afterAll(async () => {
    await browser?.close();
    await story?.close();
  });

  async function visit(path: string): Promise<WatchedPage> {
    const context = await openContext(browser, { viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
    const watched = await watchPage(context, story.url);
    await watched.open(path);
    return watched;
  }

  it('leads from a red cell to its cause, an event, its bytes, a plan and the changed value', async () => {
    const { page, shows, faults } = await visit('/');
    let clicks = 0;
    const click = async (name: string | RegExp) => {
      clicks += 1;
      await page
        .getByRole('main')
        .getByRole(name === 'Apply the plan' ? 'button' : 'link', { name })
        .first()
        .click();
    };
    await click(/^Missing of warehouse/);
    await shows('TIME_WITHOUT_OFFSET');
    await click('first after');
    await shows('identity and payload hash agree');
    await shows('"source": "warehouse"');
    await click('Plan a replay of this event');
    await shows('no value');
    await page.getByLabel(/^Reason/).fill('the clock of the warehouse was mended');
    await click('Apply the plan');
    await shows('the clock of the warehouse was mended');
    await shows('Its windows');
    await click('daily_event_count');
    await shows('the same as version 1');
    expect(clicks).toBeLessThanOrEqual(CLICKS_MAX);
    expect(faults).toEqual([]);
  });

  it('shows what a value was, why it changed, and plans its next version', async () => {
    const { page, shows, open, axe, faults } = await visit('/ui/metrics');
    await page.getByRole('link', { name: 'revenue_cents' }).click();
    await page.getByLabel(/^Key:/).fill('checkout');
    await page.getByRole('button', { name: 'Open' }).click();
    await shows('1 window with versions');
    await page
      .getByRole('main')
      .getByRole('link', { name: /13 Mar 2026/ })
      .click();
    await shows('version 1 has');
    await shows('late');
    await page.getByRole('link', { name: 'Differences of the late inputs from the others' }).click();
    await shows('in A');
    await page.goBack();
    await shows('version 1 has');
    const before = await page.locator('.account b').last().innerText();
    await page.getByLabel('As of this receive time').fill('2');
    await page.waitForFunction(
      (text) => [...document.querySelectorAll('.account b')].at(-1)?.textContent !== text,
      before,
    );
    await page.waitForURL(/known_at=/);
    expect(await axe()).toEqual([]);
    await page.getByRole('link', { name: 'Plan a replay of this window' }).click();
    await shows('window and change');
    expect(await page.locator('main tbody tr').first().innerText()).toMatch(/revenue_cents\s+checkout.*\+/s);
    await open('/ui/replays');
    await shows('revenue of the day, at its end');
    await page.getByRole('link', { name: 'revenue of the day, at its end' }).click();
    await shows('Its windows');
    expect(await axe()).toEqual([]);
    await open('/ui/dead-letters');
    await shows('No dead letters');
    expect(faults).toEqual([]);
  });

  it('a plan is sent with a reason only', async () => {
    const { page, shows, faults } = await visit(
      '/ui/replays/new?source=payments&start=2026-03-10&end=2026-03-11&plan=true',
    );
    await shows('windows and change');
    expect(await page.getByRole('button', { name: 'Apply the plan' }).isDisabled()).toBe(true);
    expect(faults).toEqual([]);
  });
});
