declare global {
  interface JSON {
    /** A value that is written as this text. */
    rawJSON(text: string): object;
    parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  }
}

/** Parses JSON so that it is written again with the digits that it had. A number that JavaScript writes otherwise becomes a raw value. */
export function parseExact(text: string): unknown {
  return JSON.parse(text, (_, value: unknown, { source }: { source?: string }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? JSON.rawJSON(source) : value,
  );
}
