/**
 * Removes users and passwords from the URLs in a text. A malformed URL, such as one with a slash in its password, loses
 * everything from `//` to the last `@`.
 */
export function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^\s"'<>`]*@/g, '//…@');
}
