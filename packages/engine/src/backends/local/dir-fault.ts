import { KitError } from '@pik/schema';

/** Primary result codes of SQLite for a file that cannot be written or opened. */
const SQLITE_READONLY = 8;
const SQLITE_CANTOPEN = 14;

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** The fault of a data directory and its remedy, by the error code of the operating system. */
const REASONS: Readonly<Record<string, string>> = {
  EROFS: 'lies on a read-only file system; mount it for writing, or choose another directory with --data',
  EACCES: 'may not be written by this user; start as its owner, or change the owner',
  EPERM: 'may not be written by this user; start as its owner, or change the owner',
  ENOTDIR: 'is not a directory, or a part of its path is a file',
  EEXIST: 'is a file, not a directory',
  ENOENT: 'cannot be reached or created: a part of its path is missing, a dangling link, or takes no folders',
  ELOOP: 'cannot be reached: its path is a circle of links',
  ENAMETOOLONG: 'has a path that is too long',
  EMFILE: 'cannot be opened: this process has too many open files (ulimit -n)',
  ENFILE: 'cannot be opened: the machine has too many open files',
  EIO: 'cannot be read or written: the device reports an input/output error',
};

/** The error of an unusable data directory, in one sentence. */
export function dirFault(dir: string, cause: unknown): KitError {
  if (KitError.is(cause)) return cause;
  const { code = '', errcode } = (cause ?? {}) as { code?: string; errcode?: unknown };
  if (FULL.has(code)) return new KitError('STORAGE_FULL', `the disk of ${dir} is full`, { cause });
  const primary = typeof errcode === 'number' ? errcode & 0xff : 0;
  const reason = primary === SQLITE_READONLY || primary === SQLITE_CANTOPEN ? REASONS.EACCES : REASONS[code];
  return new KitError(
    'DATA_DIR_UNUSABLE',
    `${dir} ${reason ?? `cannot be used (${code === '' ? String(cause) : code})`}`,
    {
      cause,
    },
  );
}
