/**
 * A text in which no URL has a user or password. A text that is not quite a URL, such as one with a slash in its password,
 * loses more than that: everything from `//` to the last `@`.
 */
export function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^\s"'<>`]*@/g, '//…@');
}
