/**
 * The element at an index that the caller knows to be in range. Throws `RangeError` if it is not.
 *
 * For cold code: a typed array or a string index in a hot loop is faster without the call.
 */
export function at<T>(list: ArrayLike<T>, index: number): T {
  const item = list[index];
  if (item === undefined && !(index in list)) throw new RangeError(`no element at ${index} of ${list.length}`);
  // `T` may include undefined, so an element that is present is not narrowed.
  return item as T;
}
