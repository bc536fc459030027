// Actions of the console in a real browser: mended receipts, muted gaps, and the keys that lead there.
import { createHash } from 'node:crypto';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CHROMIUM, openBrowser, openContext, watchPage } from './browser.ts';
import { type ServedStory, serveStory } from './served-story.ts';

const keyOf = (name: string, scopes: readonly ('ingest' | 'investigate')[]) => ({
  ...{ name, scopes, key_sha256: createHash('sha256').update(name).digest('hex') },
});

describe.skipIf(CHROMIUM === null)('the console', () => {
  let browser: Browser;
  let story: ServedStory;
  let locked: ServedStory;
  beforeAll(async () => {
    const apiKeys = [keyOf('reader', ['investigate']), keyOf('sender', ['ingest'])];
    [browser, story, locked] = await Promise.all([openBrowser(), serveStory(), serveStory({ empty: true, apiKeys })]);
  });
  afterAll(async () => {
    await browser?.close();
    await Promise.all([story?.close(), locked?.close()]);
  });

  async function visit({ url }: ServedStory, path: string) {
    const context = await openContext(browser, { viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
    const watched = await watchPage(context, url);
    await watched.open(path);
    return watched;
  }

  it('selects gaps by key, explains them, shows the table of a picture, and leaves muted ones out', async () => {
    const { page, shows, open, axe, faults } = await visit(story, '/ui/gaps');
    await page.keyboard.press('j');
    await page.keyboard.press('x');
    await shows('1 gap selected');
    await page.keyboard.press('e');
    await shows('TIME_WITHOUT_OFFSET');
    await page.keyboard.press('v');
    await shows('Gaps on the time of their events, cell by cell');
    expect(await axe()).toEqual([]);
    await page.locator('.canvas').focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowRight', 'x'])
      await page.keyboard.press(key);
    await page.getByText('1 gap selected').waitFor({ state: 'detached' });
    await page.keyboard.press('x');
    await shows('1 gap selected');
    await page.getByRole('button', { name: 'Will never come' }).click();
    await page.getByLabel(/^Why these events/).fill('the belt stood still');
    await page.getByRole('button', { name: 'Mute' }).click();
    await shows('1 gap muted in this browser');
    await open('/ui');
    expect(await page.getByRole('link', { name: /^Missing of warehouse/ }).innerText()).toMatch(/:\s*0$/);
    await page.keyboard.press('.');
    await page.getByLabel('As of this receive time').waitFor();
    expect(faults).toEqual([]);
  });

  it('plans the replay of a selected gap', async () => {
    const { page, shows, faults } = await visit(story, '/ui/gaps');
    for (const key of ['j', 'x', 'r']) await page.keyboard.press(key);
    await shows('Plan a replay');
    const { searchParams } = new URL(page.url());
    expect([searchParams.get('source'), searchParams.get('start')]).toEqual(['warehouse', '2026-03-11T02:00:00Z']);
    expect(faults).toEqual([]);
  });

  it('mends rejected receipts by a rule: the effect on all of them first, then a reason, then the receipts', async () => {
    const { page, shows, axe, faults } = await visit(story, '/ui/failures');
    await page.getByRole('link', { name: 'mend' }).click();
    await page.getByRole('button', { name: 'Try' }).click();
    await shows('3 of 3');
    const send = page.getByRole('button', { name: 'Send 3 mended receipts' });
    expect(await send.isDisabled()).toBe(true);
    expect(await axe()).toEqual([]);
    await page.getByLabel(/^Reason/).fill('the warehouse writes UTC');
    await send.click();
    await page.locator('.account', { hasText: /3 of 3\s+accepted/ }).waitFor();
    await page.getByRole('link', { name: 'event', exact: true }).first().click();
    await shows('Decided: accepted');
    await page.getByRole('link', { name: 'Case (1)' }).click();
    expect(await page.getByLabel('Note').inputValue()).toBe('Mended: the warehouse writes UTC');
    expect(faults).toEqual([]);
  });

  it('mends nothing without the scope for it', async () => {
    const event = { source: 's', event_type: 't', entity_id: 'e', event_time: '2026-02-28T10:00:00', payload: {} };
    const headers = { 'content-type': 'application/json', authorization: 'Bearer sender' };
    await fetch(`${locked.url}/ingest`, { method: 'POST', headers, body: JSON.stringify(event) });
    const path = '/ui/failures/mend?code=TIME_WITHOUT_OFFSET&change=append&path=/event_time&value=Z';
    const { page, shows, faults } = await visit(locked, '/ui');
    await page.evaluate(() => sessionStorage.setItem('pik.key', 'reader'));
    await page.goto(locked.url + path);
    await shows('This key may not see that');
    await shows('ingest');
    expect(faults).toEqual([]);
  });
});
