// Draws the pictures of docs/console.md: `node packages/cli/test/console/screenshots.ts`, after a build. They show the story of
// the tests, so that they are the same on every day.
import { join } from 'node:path';

import { openBrowser } from './browser.ts';
import { serveStory } from './served-story.ts';

const FOLDER = join(import.meta.dirname, '../../../../docs/console');
const WINDOW = '/ui/metrics/window?metric=revenue_cents&key=checkout&window=2026-03-13T00:00:00Z';
const PICTURES = [
  { name: 'health', path: '/ui', scheme: 'light' },
  { name: 'gaps', path: '/ui/gaps', scheme: 'dark' },
  { name: 'window', path: WINDOW, scheme: 'light' },
] as const;

const [browser, story] = await Promise.all([openBrowser(), serveStory()]);
for (const { name, path, scheme } of PICTURES) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 640 }, colorScheme: scheme });
  const page = await context.newPage();
  await page.goto(story.url + path);
  await page.waitForFunction(
    () => document.querySelector('h1') !== null && document.querySelector('.loading') === null,
  );
  await page.waitForLoadState('networkidle');
  // The quality at which text is sharp and each picture stays below 100 kB.
  await page.screenshot({ path: join(FOLDER, `${name}.jpg`), type: 'jpeg', quality: 72 });
  await context.close();
}
await browser.close();
await story.close();
