// From a symptom to its cause and to the changed value on what the examples send to `pik serve`: a week of earthquakes, and the
// orders of a shop whose second release reports each payment twice. Without typing an id, and in at most five clicks.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { pik, type ServedPik, serve, temporaryDir } from '../served.ts';
import { CHROMIUM, openBrowser, openContext, watchPage } from './browser.ts';

const EXAMPLES = join(import.meta.dirname, '../../../../examples');
const CLICKS_MAX = 5;

/** Runs an example against a kit until it ends. */
async function runExample(name: string, url: string): Promise<void> {
  const child = spawn(process.execPath, [join(EXAMPLES, name, 'src/main.ts')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, PIK_URL: url },
  });
  expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
}

describe.skipIf(CHROMIUM === null)('the console', () => {
  let browser: Browser;
  let server: ServedPik | null = null;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterEach(() => server?.child.kill('SIGKILL'));
  afterAll(() => browser?.close());

  /** Walks from a red or amber cell of Health to an event, its bytes, a plan, and the value that a replay appended. */
  async function walk(url: string, { cell, event, metric }: { cell: RegExp; event: string; metric: string }) {
    const context = await openContext(browser, { viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
    const { page, shows, open, faults } = await watchPage(context, url);
    let clicks = 0;
    const main = page.getByRole('main');
    const click = async (role: 'link' | 'button', name: string | RegExp) => {
      clicks += 1;
      await main.getByRole(role, { name }).first().click();
    };
    await open('/');
    await click('link', cell);
    await page.locator('table', { hasText: event }).locator('tbody a').first().waitFor();
    clicks += 1;
    await page.locator('table', { hasText: event }).locator('tbody a').first().click();
    await shows('identity and payload hash agree');
    await shows('"payload"');
    await click('link', 'Plan a replay of this event');
    await shows('would recompute');
    await page.getByLabel(/^Reason/).fill('to see the value after it');
    await click('button', 'Apply the plan');
    await shows('Its windows');
    await click('link', metric);
    await shows('the same as version');
    expect(clicks).toBeLessThanOrEqual(CLICKS_MAX);
    expect(faults).toEqual([]);
  }

  it('leads through the earthquakes from their lag to a value', async () => {
    server = await serve(join(temporaryDir(), 'data'), ['--config', join(EXAMPLES, 'earthquakes/pik.config.ts')]);
    expect((await pik(['demo', '--url', server.url])).code).toBe(0);
    await walk(server.url, { cell: /^Lag p50 \/ p95 of nc/, event: 'The latest events', metric: 'earthquakes' });
  });

  it('leads through the orders of a shop from repeated payments to a value', async () => {
    server = await serve(join(temporaryDir(), 'data'));
    await runExample('express-orders', server.url);
    await walk(server.url, {
      cell: /^Repeats of .*order\.paid/,
      event: 'repeated events',
      metric: 'daily_event_count',
    });
  });
});
