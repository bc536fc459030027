import { KitError } from '@pik/schema';
import { expect, it } from 'vitest';

import { absolute, inFlags, startOf } from './times.ts';

it('replaces a field with the flag that was typed', () => {
  const message = 'REQUEST_INVALID: start_time must lie before end_time';
  expect(inFlags(message, ['lag', '--from', 'x'])).toBe('REQUEST_INVALID: --from must lie before --to');
  expect(inFlags(message, ['lag', '--since', '2h'])).toBe('REQUEST_INVALID: --since must lie before --to');
  expect(inFlags('event_type my_own_type, REQUEST_INVALID', [])).toBe('--type my_own_type, REQUEST_INVALID');
});

it('replaces one-word flags too if they were typed, and leaves the allowed values alone', () => {
  const message = 'REQUEST_INVALID: by must be one of source, event_type, day (request r)';
  const named = 'REQUEST_INVALID: --by must be one of source, event_type, day (request r)';
  expect(inFlags(message, ['lag', '--by', 'x'])).toBe(named);
  expect(inFlags(message, ['lag', '--by=x'])).toBe(named);
  expect(inFlags('REQUEST_INVALID: from cannot be read: from where?', ['explain', '--from', 'x'])).toBe(
    'REQUEST_INVALID: --from cannot be read: from where?',
  );
  expect(inFlags('REQUEST_INVALID: name an event', ['explain'])).toBe('REQUEST_INVALID: name an event');
});

it('accepts --since instead of --from, but not both', () => {
  expect(startOf({ since: '2h' })).toBe('2h');
  expect(startOf({ from: 'today' })).toBe('today');
  expect(startOf({})).toBeUndefined();
  expect(() => startOf({ from: '1h', since: '2h' })).toThrow('--since is another name of --from');
});

it('resolves times that are recorded, and names the flag of an unreadable one', () => {
  expect(absolute('--from', '2026-01-01', { timeZone: 'Asia/Tokyo' })).toBe('2025-12-31T15:00:00.000000000Z');
  expect(absolute('--from', undefined, {})).toBeUndefined();
  expect(() => absolute('--to', 'tomorrow', {})).toThrow(KitError);
  expect(() => absolute('--to', 'tomorrow', {})).toThrow(/^--to cannot be read: write RFC 3339/);
});
