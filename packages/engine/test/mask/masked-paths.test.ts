import { maskOf } from '@pik/schema';
import { expect, it } from 'vitest';

import { isBelowMasked } from '../../src/mask/rules/masked-paths.ts';

const mask = maskOf([{ source: 'shop', event_type: 'order', paths: ['/card'] }]);
if (mask === null) throw new Error('the declarations make a mask');

it.each([
  ['payload.card', true],
  ['payload.card.number', true],
  ['payload', false],
  ['payload.plan', false],
  ['source', false],
  // Unreadable paths count as masked.
  ['payload[', true],
  ['nothing.card', true],
])('whether the values at %s are masked: %s', (path, expected) => {
  expect(isBelowMasked(path, mask)).toBe(expected);
});
