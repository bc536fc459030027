/**
 * The rows of an answer: the list that its question splits into pages, the answer itself if it is a list, else the answer as the
 * only row.
 */
export function rowsOf(answer: unknown, pages: readonly string[] = []): readonly unknown[] {
  if (Array.isArray(answer)) return answer;
  const [first] = pages;
  const list: unknown =
    first === undefined || typeof answer !== 'object' || answer === null ? undefined : Reflect.get(answer, first);
  return Array.isArray(list) ? list : [answer];
}
