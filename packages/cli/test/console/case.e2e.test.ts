// A case from the browser to the command line: pinned, exported, opened offline, and checked against the kit.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { runPik } from '../support/run-pik.ts';
import { CHROMIUM, openBrowser, openContext, watchPage } from './browser.ts';
import { type ServedStory, serveStory } from './served-story.ts';

describe.skipIf(CHROMIUM === null)('a case', () => {
  let browser: Browser;
  let story: ServedStory;
  let file: string;
  beforeAll(async () => {
    [browser, story] = await Promise.all([openBrowser(), serveStory()]);
  });
  afterAll(async () => {
    await browser?.close();
    await story?.close();
  });

  it('collects answers with notes and is exported as one file that opens offline', async () => {
    const context = await openContext(browser, { reducedMotion: 'reduce', acceptDownloads: true });
    const { page, open, shows, axe, faults } = await watchPage(context, story.url);
    for (const [path, note] of [
      ['/ui/gaps?source=warehouse', 'the clock of the <b>warehouse</b>'],
      ['/ui/metrics/window?metric=revenue_cents&key=checkout&window=2026-03-13T00:00:00Z', 'late orders'],
    ] as const) {
      await open(path);
      await page.keyboard.press('c');
      await page.getByLabel('Note').fill(note);
      await page.getByRole('button', { name: /^Pin \d/ }).click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    }
    await page.getByRole('link', { name: /^Case \(/ }).click();
    await shows('Which days or windows are missing, and why?');
    await page.getByLabel('Title').fill('Warehouse, 11 March');
    expect(await axe()).toEqual([]);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Export as one file' }).click(),
    ]);
    file = join(mkdtempSync(join(tmpdir(), 'pik-case-')), 'case.html');
    await download.saveAs(file);
    const offline = await openContext(browser, { offline: true });
    const opened = await offline.newPage();
    await opened.goto(`file://${file}`);
    expect(await opened.locator('h1').innerText()).toBe('Warehouse, 11 March');
    expect(await opened.locator('body').innerText()).toContain('the clock of the <b>warehouse</b>');
    expect(faults).toEqual([]);
  });

  it('is the same when it is asked again, and says what differs in a changed one', async () => {
    const ran = await runPik('verify-case', file, '--url', story.url);
    expect(ran.stdout).toMatch(/(\d+) of \1 answers are the same/);
    expect(ran.code).toBe(0);
    const text = readFileSync(file, 'utf8');
    const changed = join(tmpdir(), `pik-case-changed-${process.pid}.html`);
    writeFileSync(changed, text.replace('"gaps_total":', '"gaps_totals":'));
    const again = await runPik('verify-case', changed, '--url', story.url);
    expect(again.code).toBe(1);
    expect(again.stdout).toContain('FILE_CHANGED');
  });
});
