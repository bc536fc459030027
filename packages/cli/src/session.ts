import { createInvestigator, type Investigator } from '@pik/sdk/investigator';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly url: string;
  readonly apiKey?: string;
  /** Machine output: JSON on standard output, nothing else there. */
  readonly json?: boolean;
}

/** Where the server is unless it is said. */
export const DEFAULT_URL = 'http://127.0.0.1:4600';

/** The connection that the options name. */
export function connection({ url, apiKey }: GlobalOptions): { url: string; apiKey?: string } {
  return apiKey === undefined ? { url } : { url, apiKey };
}

/** An investigator for the options. */
export function investigator(options: GlobalOptions): Investigator {
  return createInvestigator(connection(options));
}

/** Prints an answer: as JSON for machines, else as the given text. */
export function print(options: GlobalOptions, value: unknown, text: () => string): void {
  process.stdout.write(options.json ? `${JSON.stringify(value)}\n` : `${text()}\n`);
}
