import { sendFile } from '../files/send-file.ts';
import type { GlobalOptions } from '../session.ts';

/** Sends the events of a file, received now. True if the server took every one of them. */
export async function ingest(file: string, options: GlobalOptions): Promise<boolean> {
  return sendFile(file, { ...options, backfill: false });
}
