// How reports and pictures of `--html` and `--svg` look in a real browser: no text lies on another, and nothing runs off the page.
import { eventView, pageHtml } from '@pik/render';
import { type Chart, chartSvg } from '@pik/render/pictures';
import type { EventExplanation } from '@pik/schema';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CHROMIUM, openBrowser, openContext } from './browser.ts';

const WEEKS = Array.from({ length: 300 }, (_, week) => new Date(week * 7 * 86_400_000).toISOString().slice(0, 10));
const HOURS = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, '0'));

describe.skipIf(CHROMIUM === null)('a report', () => {
  let browser: Browser;
  let page: Page;
  beforeAll(async () => {
    browser = await openBrowser();
    page = await (await openContext(browser, { viewport: { width: 900, height: 700 } })).newPage();
  });
  afterAll(() => browser?.close());

  const view = (charts: readonly Chart[]) => ({ title: 'Gaps', blocks: [], charts });

  it.each([
    ['days', ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']],
    ['hours', HOURS],
  ])('has no label of a calendar of %s on another', async (_, down) => {
    const chart: Chart = { kind: 'calendar', title: 't', across: WEEKS, down, cells: [] };
    await page.setContent(pageHtml(view([chart]), { svgs: [chartSvg(chart)], footer: 'f' }));
    const boxes = await page.locator('svg text').evaluateAll(
      (all, names) =>
        all
          .filter(({ textContent }) => names.includes(textContent ?? ''))
          .map((one) => one.getBoundingClientRect())
          .map(({ top, bottom }) => ({ top, bottom })),
      down,
    );
    expect(boxes.length).toBeGreaterThanOrEqual(3);
    const sorted = boxes.sort((a, b) => a.top - b.top);
    // The boxes of a font have some room above and below its letters.
    for (const [n, { bottom }] of sorted.slice(0, -1).entries())
      expect(sorted[n + 1]?.top).toBeGreaterThanOrEqual(bottom - 2);
  });

  it('breaks a payload without spaces', async () => {
    const body = `{"text":"${'x'.repeat(5_000)}"}`;
    const story = { summary: 's', findings: [], deliveries: [], versions: [], replays: [], event: null, notes: [] };
    const explained = { ...story, bytes: { state: 'OK', text: 't', body } } as unknown as EventExplanation;
    const command = `pik lag --source ${'y'.repeat(500)}`;
    await page.setContent(pageHtml(eventView(explained), { svgs: [], facts: [['command', command]], footer: 'f' }));
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(900);
    expect(await page.locator('dd').innerText()).toBe(command);
  });
});
