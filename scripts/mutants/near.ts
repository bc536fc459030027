// Which tests are meant for a file: those of its folder, and above all the test with its name.

/** The folders below `src` or `test` and the bare name: `src/backends/local/sqlite.ts` and `test/local/sqlite.test.ts` are the same. */
function placeOf(file: string): string[] {
  const inside = file.replace(/^.*packages\/[^/]+\/(src|test)\//, '');
  const parts = inside.split('/').filter((part) => part !== 'rules' && part !== 'backends');
  return [...parts.slice(0, -1), (parts.at(-1) ?? '').replace(/\..*$/, '')];
}

/** Counts the folders that a file and a test file share, from the outermost on; the name, anywhere, counts as one more. */
export function nearness(file: string, testFile: string): number {
  const [of, test] = [placeOf(file), placeOf(testFile)];
  let shared = 0;
  while (shared < Math.min(of.length, test.length) - 1 && of[shared] === test[shared]) shared += 1;
  return shared + (of.at(-1) === test.at(-1) ? 1 : 0);
}
