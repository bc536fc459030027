import { KitError } from '@pik/schema';
import { expect, it } from 'vitest';

import { absolute, inFlags, startOf } from './times.ts';

it('names the flag that was typed in the place of a field', () => {
  const message = 'REQUEST_INVALID: start_time must lie before end_time';
  expect(inFlags(message, ['lag', '--from', 'x'])).toBe('REQUEST_INVALID: --from must lie before --to');
  expect(inFlags(message, ['lag', '--since', '2h'])).toBe('REQUEST_INVALID: --since must lie before --to');
  expect(inFlags('event_type my_own_type, REQUEST_INVALID', [])).toBe('--type my_own_type, REQUEST_INVALID');
});

it('names a flag of one word too where it was typed, and leaves the values that it takes as they are', () => {
  const message = 'REQUEST_INVALID: by must be one of source, event_type, day (request r)';
  const named = 'REQUEST_INVALID: --by must be one of source, event_type, day (request r)';
  expect(inFlags(message, ['lag', '--by', 'x'])).toBe(named);
  expect(inFlags(message, ['lag', '--by=x'])).toBe(named);
  expect(inFlags('REQUEST_INVALID: from cannot be read: from where?', ['explain', '--from', 'x'])).toBe(
    'REQUEST_INVALID: --from cannot be read: from where?',
  );
  expect(inFlags('REQUEST_INVALID: name an event', ['explain'])).toBe('REQUEST_INVALID: name an event');
});

it('takes --since in the place of --from, not beside it', () => {
  expect(startOf({ since: '2h' })).toBe('2h');
  expect(startOf({ from: 'today' })).toBe('today');
  expect(startOf({})).toBeUndefined();
  expect(() => startOf({ from: '1h', since: '2h' })).toThrow('--since is another name of --from');
});

it('writes out what is recorded as it is sent, and names the flag of what cannot be read', () => {
  expect(absolute('--from', '2026-01-01', { timeZone: 'Asia/Tokyo' })).toBe('2025-12-31T15:00:00.000000000Z');
  expect(absolute('--from', undefined, {})).toBeUndefined();
  expect(() => absolute('--to', 'tomorrow', {})).toThrow(KitError);
  expect(() => absolute('--to', 'tomorrow', {})).toThrow(/^--to cannot be read: write RFC 3339/);
});
