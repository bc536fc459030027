import { serveMcpStdio } from '@pik/mcp';

import { connection, type GlobalOptions, investigator } from '../session.ts';

/** Answers an assistant over standard input and output until it closes the input. */
export async function mcp({ readOnly, ...options }: GlobalOptions & { readonly readOnly?: boolean }): Promise<void> {
  const { url } = connection(options);
  await serveMcpStdio({ investigator: investigator(options), consoleUrl: url, isReadOnly: readOnly });
}
