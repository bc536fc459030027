// Draws the pictures of docs/console.md: `node packages/cli/test/console/screenshots.ts`, after a build. They show the story of
// the tests, so that they are the same on every day. With a folder it draws every page in both themes there, to look at.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { openBrowser, openContext } from './browser.ts';
import { serveStory } from './served-story.ts';

const DOCS = join(import.meta.dirname, '../../../../docs/console');
const WINDOW = '/ui/metrics/window?metric=revenue_cents&key=checkout&window=2026-03-13T00:00:00Z';
const FIND = '/ui/events?q=source%20%3D%20warehouse%20and%20payload.parcels%20%3E%2030';
const MEND =
  '/ui/failures/mend?code=TIME_WITHOUT_OFFSET&source=warehouse&type=parcel.scanned&change=append&path=/event_time&value=Z';

interface Picture {
  readonly name: string;
  readonly path: string;
  readonly scheme: 'light' | 'dark';
  readonly keys?: readonly string[];
}

const PICTURES: readonly Picture[] = [
  { name: 'health', path: '/ui', scheme: 'light' },
  { name: 'find', path: FIND, scheme: 'light', keys: ['j', 'j', 'Enter'] },
  { name: 'gaps', path: '/ui/gaps', scheme: 'dark' },
  { name: 'mend', path: MEND, scheme: 'light' },
  { name: 'window', path: WINDOW, scheme: 'light' },
];

const PAGES = {
  ...{ health: '/ui', find: FIND, events: '/ui/events', compare: '/ui/compare?a=outcome%20%3D%20DUPLICATE' },
  ...{ schema: '/ui/schema', lag: '/ui/lag', completeness: '/ui/completeness', gaps: '/ui/gaps' },
  ...{ duplicates: '/ui/duplicates', failures: '/ui/failures', mend: MEND, metrics: '/ui/metrics', window: WINDOW },
  ...{ replays: '/ui/replays', plan: '/ui/replays/new', letters: '/ui/dead-letters', case: '/ui/case' },
};

const [folder] = process.argv.slice(2);
const every = Object.entries(PAGES).flatMap(([name, path]): Picture[] => [
  { name: `${name}-light`, path, scheme: 'light' },
  { name: `${name}-dark`, path, scheme: 'dark' },
]);
const target = folder ?? DOCS;
mkdirSync(target, { recursive: true });
const [browser, story] = await Promise.all([openBrowser(), serveStory()]);
for (const { name, path, scheme, keys = [] } of folder === undefined ? PICTURES : every) {
  const context = await openContext(browser, { viewport: { width: 1280, height: 640 }, colorScheme: scheme });
  const page = await context.newPage();
  await page.goto(story.url + path);
  const isDrawn = () => document.querySelector('h1') !== null && document.querySelector('.loading') === null;
  await page.waitForFunction(isDrawn);
  await page.waitForLoadState('networkidle');
  if (keys.length > 0) await page.locator('tr[data-row="1"]').waitFor();
  for (const key of keys) await page.keyboard.press(key);
  await page.waitForFunction(isDrawn);
  await page.waitForLoadState('networkidle');
  // The quality at which text is sharp and each picture stays below 100 kB.
  await page.screenshot({ path: join(target, `${name}.jpg`), type: 'jpeg', quality: 72 });
  await context.close();
}
await browser.close();
await story.close();
