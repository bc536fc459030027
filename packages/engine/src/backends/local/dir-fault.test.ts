import { KitError } from '@pik/schema';
import { expect, it } from 'vitest';

import { dirFault } from './dir-fault.ts';

const fault = (cause: object) => dirFault('/data', Object.assign(new Error('x'), cause));

it.each([
  [{ code: 'EROFS' }, 'DATA_DIR_UNUSABLE', '/data lies on a read-only file system'],
  [{ code: 'EACCES' }, 'DATA_DIR_UNUSABLE', '/data may not be written by this user'],
  [{ code: 'EPERM' }, 'DATA_DIR_UNUSABLE', '/data may not be written by this user'],
  [{ code: 'ENOTDIR' }, 'DATA_DIR_UNUSABLE', '/data is not a directory'],
  [{ code: 'EEXIST' }, 'DATA_DIR_UNUSABLE', '/data is a file'],
  [{ code: 'ENOSPC' }, 'STORAGE_FULL', 'the disk of /data is full'],
  [{ code: 'EDQUOT' }, 'STORAGE_FULL', 'the disk of /data is full'],
  [{ code: 'ERR_SQLITE_ERROR', errcode: 8 | (3 << 8) }, 'DATA_DIR_UNUSABLE', '/data may not be written by this user'],
  [{ code: 'ESOMETHING' }, 'DATA_DIR_UNUSABLE', '/data cannot be used (ESOMETHING)'],
])('%j is reported in one sentence', (cause, code, text) => {
  const error = fault(cause);
  expect([error.code, error.message]).toEqual([code, expect.stringContaining(text)]);
  expect(error.message).not.toContain('\n');
});

it('an error of the kit stays unchanged', () => {
  const known = new KitError('DATA_DIR_LOCKED', 'in use');
  expect(dirFault('/data', known)).toBe(known);
});
