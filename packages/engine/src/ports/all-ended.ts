/**
 * The results of all of them, as `Promise.all` gives them, but only once every one has ended: what is still under way when
 * a call has failed would belong to nobody. Rejects with the first error in their order.
 */
export async function allEnded<T extends readonly unknown[]>(
  work: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const failed = (await Promise.allSettled(work)).find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return Promise.all(work);
}
