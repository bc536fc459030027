/** System errors about files, in words. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EEXIST: 'it already exists',
  EISDIR: 'it is a folder',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'no such file or folder',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is not a folder',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
};

/** One line about an error that is not a `KitError`. `PIK_DEBUG=1` adds the stack. */
export function foreignErrorText(error: unknown): string {
  if (!(error instanceof Error)) return `unexpected: ${String(error)}`;
  const { code, path, syscall }: NodeJS.ErrnoException = error;
  if (typeof code === 'string' && typeof syscall === 'string') {
    const what = SYSTEM_ERRORS[code];
    return `${path === undefined ? syscall : path}: ${what === undefined ? code : `${what} (${code})`}`;
  }
  if (code?.startsWith('Z_')) return `the gzip data is damaged: ${error.message} (${code})`;
  if (process.env.PIK_DEBUG === '1') return `unexpected: ${error.stack ?? error.message}`;
  return `unexpected: ${error.message} (PIK_DEBUG=1 shows where)`;
}
