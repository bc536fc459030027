// A browser for the tests of the console: Debian's Chromium, driven by Playwright. Tests are skipped, and say so, where it is
// not installed (`apt-get install chromium`).
import { existsSync } from 'node:fs';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContext, chromium, type Page, type Request } from 'playwright-core';

const PLACES = [process.env.PIK_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The path of a browser on this machine; null without one. */
export const CHROMIUM = PLACES.find((path) => path !== undefined && existsSync(path)) ?? null;
if (CHROMIUM === null)
  console.log('tests of the console are skipped: no Chromium (apt-get install chromium, or set PIK_CHROMIUM)');

/** Opens the browser. */
export function openBrowser(): Promise<Browser> {
  // In a container there is neither a user namespace for the sandbox nor a large /dev/shm.
  return chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

/** A page that notes everything a good page never does: errors, violations of its policy, requests elsewhere. */
export interface WatchedPage {
  readonly page: Page;
  readonly faults: readonly string[];
  /** Goes to a path and waits until nothing loads. */
  open(path: string): Promise<void>;
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
  /** Until two frames pass without a request in flight: an answer may lead to the next question. */
  const answered = async () => {
    for (let quiet = 0; quiet < 2; ) {
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
      quiet = waiting === 0 ? quiet + 1 : 0;
    }
  };
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      console.error(`policy: ${violatedDirective} ${blockedURI}`),
    );
  });
  return {
    page,
    faults,
    async shows(text) {
      const has = (part: string) => document.querySelector('main')?.innerText.includes(part) === true;
      await page.waitForFunction(has, text);
    },
    async open(path) {
      await page.goto(url + path);
      await page.waitForFunction(
        () => document.querySelector('h1') !== null && document.querySelector('.loading') === null,
      );
      await answered();
    },
    async axe() {
      const { violations } = await new AxeBuilder({ page }).analyze();
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
    },
  };
}
