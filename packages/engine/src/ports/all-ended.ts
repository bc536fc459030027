/**
 * Like `Promise.all`, but waits for all promises to settle before it rejects, so that no work outlives the call. Rejects with
 * the first error in list order.
 */
export async function allEnded<T extends readonly unknown[]>(
  work: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const failed = (await Promise.allSettled(work)).find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return Promise.all(work);
}
