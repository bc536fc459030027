// A browser for the tests of the console: Debian's Chromium, driven by Playwright. Tests are skipped, and say so, where it is
// not installed (`apt-get install chromium`).
import { existsSync } from 'node:fs';
import { AxeBuilder } from '@axe-core/playwright';
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
  type Request,
} from 'playwright-core';
import { expect } from 'vitest';

const PLACES = [process.env.PIK_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The path of a browser on this machine; null without one. */
export const CHROMIUM = PLACES.find((path) => path !== undefined && existsSync(path)) ?? null;
if (CHROMIUM === null)
  console.log('tests of the console are skipped: no Chromium (apt-get install chromium, or set PIK_CHROMIUM)');

/** The limit of every wait for a page. It only ends tests that hang: a busy machine may be slow. */
export const PATIENCE = { timeout: 600_000 };

/** Opens the browser. */
export function openBrowser(): Promise<Browser> {
  // In a container there is neither a user namespace for the sandbox nor a large /dev/shm.
  const args = ['--no-sandbox', '--disable-dev-shm-usage'];
  return chromium.launch({ executablePath: CHROMIUM ?? '', args, ...PATIENCE });
}

/** Opens a session of the browser. Playwright's own limit of 30 s for each wait is too short for a busy machine. */
export async function openContext(browser: Browser, options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE.timeout);
  return context;
}

/** A page that notes everything a good page never does: errors, violations of its policy, requests elsewhere. */
export interface WatchedPage {
  readonly page: Page;
  readonly faults: readonly string[];
  /** Goes to a path and waits until nothing loads. */
  open(path: string): Promise<void>;
  /** Presses two keys that belong together, and waits until the page has this text. */
  chord(keys: readonly [string, string], text: string): Promise<void>;
  /** Makes the screen this narrow, and waits until nothing runs off it. */
  fits(width: number): Promise<void>;
  /** Waits until the page has this text. */
  shows(text: string): Promise<void>;
  /** The accessibility faults of the page as it is. */
  axe(): Promise<string[]>;
}

/** Opens a page of a kit. */
export async function watchPage(context: BrowserContext, url: string): Promise<WatchedPage> {
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('console', (message) => {
    // The browser itself logs answers with an error status, which pages expect.
    const isStatus = message.text().startsWith('Failed to load resource');
    if (['error', 'warning'].includes(message.type()) && !isStatus) faults.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:'))
      faults.push(`elsewhere: ${request.url()}`);
  });
  let waiting = 0;
  // A stream of what arrives has no end.
  const isStream = (request: Request) => request.headers().accept === 'text/event-stream';
  page.on('request', (request) => {
    if (!isStream(request)) waiting += 1;
  });
  const ended = (request: Request) => {
    if (!isStream(request)) waiting -= 1;
  };
  page.on('requestfinished', ended);
  page.on('requestfailed', ended);
  /** Until two frames pass in which nothing loads and no request is in flight: an answer may lead to the next question. */
  const answered = async () => {
    for (let quiet = 0; quiet < 2; ) {
      const isLoading = await page.evaluate(async () => {
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        return document.querySelector('h1') === null || document.querySelector('.loading') !== null;
      });
      quiet = waiting === 0 && !isLoading ? quiet + 1 : 0;
    }
  };
  const has = (text: string) => document.querySelector('main')?.innerText.includes(text) === true;
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      console.error(`policy: ${violatedDirective} ${blockedURI}`),
    );
  });
  return {
    page,
    faults,
    async shows(text) {
      await page.waitForFunction(has, text);
    },
    async open(path) {
      await page.goto(url + path);
      await answered();
    },
    async chord([first, second], text) {
      // The page takes two keys for one chord only if they are less than a second apart: on a busy machine, try again.
      while (!(await page.evaluate(has, text))) {
        await page.keyboard.press(first);
        await page.keyboard.press(second);
        await answered();
      }
    },
    async fits(width) {
      await page.setViewportSize({ width, height: 800 });
      // Pictures follow the width in a later frame.
      const scrollWidth = () => page.evaluate(() => document.documentElement.scrollWidth);
      await expect.poll(scrollWidth, PATIENCE).toBeLessThanOrEqual(width);
    },
    async axe() {
      const { violations } = await new AxeBuilder({ page }).analyze();
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
    },
  };
}
