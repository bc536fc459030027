/** The payload of a record in the kit's own form, or of a CloudEvent; null for others, which have only their text. */
export function payloadText(body: string | undefined): string | null {
  if (body === undefined) return null;
  try {
    const record: unknown = JSON.parse(body);
    if (typeof record !== 'object' || record === null || Array.isArray(record)) return null;
    const name = Object.hasOwn(record, 'payload') ? 'payload' : 'data';
    const payload = Object.entries(record).find(([member]) => member === name);
    return payload === undefined ? null : JSON.stringify(payload[1]);
  } catch {
    return null;
  }
}
