import { membersOf } from '../files/json-text.ts';

/** The payload of a record in the kit's own form, or of a CloudEvent, as written; null for others, which have only their text. */
export function payloadText(body: string | undefined): string | null {
  const members = body === undefined ? null : membersOf(body);
  const textOf = (name: string) => members?.findLast((member) => member.name === name)?.text;
  return textOf('payload') ?? textOf('data') ?? null;
}
