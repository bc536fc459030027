import { ROUTES } from '@pik/schema';
import { expect, it } from 'vitest';

import { PATHS } from './paths.ts';

it('the paths of the console are those of the routes', () => {
  const routes = Object.fromEntries(Object.keys(PATHS).map((name) => [name, ROUTES[name as keyof typeof PATHS].path]));
  expect(PATHS).toEqual(routes);
});
