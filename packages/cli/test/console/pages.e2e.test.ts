// The pages of the console in a real browser, on two weeks of a shop. Every test also requires that the page logs no error,
// breaks no rule of its policy and asks no other origin.
import { createHash } from 'node:crypto';
import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { CHROMIUM, openBrowser, openContext, PATIENCE, type WatchedPage, watchPage } from './browser.ts';
import { type ServedStory, serveStory } from './served-story.ts';

const KEYS = { reader: 'reader-key', sender: 'sender-key' };
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const PAGES = {
  '/': 'Health',
  '/ui': 'Health',
  '/ui/events': 'Find',
  '/ui/lag': 'Lag',
  '/ui/completeness': 'Completeness',
  '/ui/gaps': 'Gaps',
  '/ui/duplicates': 'Duplicates',
  '/ui/failures': 'Failures',
};

/** Shown in the dark theme, as each page costs a second; colours are the same on all. */
const DARK = new Set(['/ui', '/ui/gaps', '/ui/failures']);

describe.skipIf(CHROMIUM === null)('the console', () => {
  let browser: Browser;
  let story: ServedStory;
  let empty: ServedStory;
  let locked: ServedStory;
  const opened: { context: BrowserContext; watched: WatchedPage }[] = [];

  beforeAll(async () => {
    const apiKeys = [
      { name: 'reader', key_sha256: sha256(KEYS.reader), scopes: ['investigate'] as const },
      { name: 'sender', key_sha256: sha256(KEYS.sender), scopes: ['ingest'] as const },
    ];
    [browser, story, empty, locked] = await Promise.all([
      openBrowser(),
      serveStory(),
      serveStory({ empty: true }),
      serveStory({ empty: true, apiKeys }),
    ]);
  });
  afterAll(async () => {
    await browser?.close();
    await Promise.all([story, empty, locked].map((kit) => kit?.close()));
  });
  afterEach(async () => {
    for (const { context, watched } of opened.splice(0)) {
      expect(watched.faults).toEqual([]);
      await context.close();
    }
  });

  async function visit(path: string, options: { kit?: ServedStory; width?: number; scheme?: 'light' | 'dark' } = {}) {
    const { kit = story, width = 1280, scheme = 'light' } = options;
    const context = await openContext(browser, {
      viewport: { width, height: 900 },
      colorScheme: scheme,
      reducedMotion: 'reduce',
    });
    const watched = await watchPage(context, kit.url);
    opened.push({ context, watched });
    await watched.open(path);
    return { ...watched, text: () => watched.page.locator('main').innerText() };
  }

  it.each(Object.entries(PAGES).slice(1))(
    '%s shows %s, axe finds nothing, and a narrow screen does not scroll',
    async (path, title) => {
      const { page, axe, fits } = await visit(path, { scheme: DARK.has(path) ? 'dark' : 'light' });
      expect(await page.locator('h1').innerText()).toBe(title);
      expect(await page.locator('main table tbody tr').count()).toBeGreaterThan(0);
      expect(await axe()).toEqual([]);
      await fits(400);
    },
  );

  it('every page of an empty kit teaches the first event', async () => {
    const { open, shows } = await visit('/', { kit: empty });
    for (const path of Object.keys(PAGES)) {
      await open(path);
      await shows(`curl ${empty.url}/ingest`);
    }
  });

  it('Health names what is wrong, and why', async () => {
    const { page, text } = await visit('/ui');
    const shown = await text();
    expect(await page.locator('.table').evaluate((box) => box.scrollWidth - box.clientWidth)).toBe(0);
    for (const part of ['6 deliveries overdue', 'no events, rejected', 'a storm', '1 conflict', '100 % over 2 h'])
      expect(shown).toContain(part);
    expect(shown.replace(/\s+/g, ' ')).toContain(
      '3,242 receipts = 3,149 accepted + 92 repeats + 1 conflict · 3 rejected',
    );
  });

  it('a red cell leads to the gap, its cause, and the bytes of a rejected receipt', async () => {
    const { page, shows } = await visit('/ui');
    await page.getByRole('link', { name: /^Missing of warehouse/ }).click();
    await page.getByRole('link', { name: 'rejected', exact: true }).first().click();
    await page.getByRole('link', { name: 'bytes 1' }).click();
    await shows('TIME_WITHOUT_OFFSET');
    await shows('"source": "warehouse"');
  });

  it('an event has its story: decision, bytes and further receipts', async () => {
    const { page, shows } = await visit('/ui/duplicates');
    await page
      .locator('a', { hasText: /^order-/ })
      .first()
      .click();
    await shows('Decided: accepted');
    await shows('identity and payload hash agree');
    await shows('4 further receipts');
  });

  it('the address alone decides what a page shows', async () => {
    const { page, text } = await visit('/ui/events?source=warehouse&from=2026-03-10T00:00:00Z&to=2026-03-10T03:00:00Z');
    expect(await page.locator('main tbody tr').count()).toBe(3);
    expect(await text()).not.toContain('order.placed');
    const then = await visit('/ui/lag?as_of=2026-03-05T00:00:00Z');
    const now = await visit('/ui/lag');
    expect(await then.text()).not.toBe(await now.text());
    expect(await then.page.locator('header').innerText()).toContain('2026-03-05');
  });

  it('an absent event is explained', async () => {
    const { text } = await visit(`/ui/events/${'0'.repeat(47)}`);
    expect(await text()).toMatch(/Why it is not here|No answer/);
  });

  it('an unknown page says so, and leads back', async () => {
    const { page } = await visit('/ui/nothing-here');
    expect(await page.locator('h1').innerText()).toBe('Unknown page');
  });

  describe('keys', () => {
    it('are asked for, kept in this tab, and sent in the header alone', async () => {
      const { page, shows } = await visit('/ui', { kit: locked });
      await shows('This server requires a key');
      const authorizations: (string | undefined)[] = [];
      page.on('request', (request) => authorizations.push(request.headers().authorization));
      await page.getByRole('button', { name: 'Enter a key' }).click();
      await page.getByLabel(/Key with the scope/).fill(KEYS.reader);
      await page.getByRole('button', { name: 'Use this key' }).click();
      await shows(`curl ${locked.url}/ingest`);
      expect(new Set(authorizations)).toEqual(new Set([`Bearer ${KEYS.reader}`]));
      expect(page.url()).not.toContain(KEYS.reader);
      expect(await page.evaluate(() => [localStorage.length, document.cookie])).toEqual([0, '']);
    });

    it('of another scope are named', async () => {
      const { page, shows } = await visit('/ui', { kit: locked });
      await page.evaluate((key) => sessionStorage.setItem('pik.key', key), KEYS.sender);
      await page.reload();
      await shows('This key may not see that');
      await shows('investigate');
    });
  });

  it('a server that is gone is an error with another attempt', async () => {
    const { page, shows } = await visit('/ui/lag');
    await page.route('**/reports/**', (route) => route.abort());
    await page.getByRole('link', { name: 'Gaps', exact: true }).click();
    await page.getByRole('button', { name: 'Try again' }).first().waitFor();
    await shows('The server cannot be reached.');
    await page.unroute('**/reports/**');
    await page.getByRole('button', { name: 'Try again' }).first().click();
    await shows('How each series was judged');
  });

  it('the keyboard alone goes from page to page, through rows and pictures', async () => {
    const { page, chord } = await visit('/ui');
    await chord(['g', 'l'], 'by their share of the delay');
    await page.locator('.canvas').focus();
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowDown']) await page.keyboard.press(key);
    await expect
      .poll(() => page.locator('.reading').innerText(), PATIENCE)
      .toMatch(/partner · invoice\.issued, .* p95 /);
    await page.locator('main').focus();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/ui\/events\?.*source=/);
    await page.keyboard.press('?');
    const keys = page.getByRole('dialog', { name: 'Keys' });
    await expect.poll(() => keys.isVisible(), PATIENCE).toBe(true);
    await page.keyboard.press('Escape');
    await expect.poll(() => keys.isVisible(), PATIENCE).toBe(false);
  });
});
