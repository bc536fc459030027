/** True if the `Accept` header of a request names a media type. */
export function accepts({ headers }: Request, type: string): boolean {
  const ranges = (headers.get('accept') ?? '').split(',');
  return ranges.some((range) => range.split(';', 1)[0]?.trim().toLowerCase() === type);
}
