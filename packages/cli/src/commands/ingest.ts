import { type SendFileOptions, sendFile } from '../files/send-file.ts';

/** Sends the events of a file, received now. True if the server took every one of them. */
export async function ingest(file: string, options: Omit<SendFileOptions, 'backfill' | 'key'>): Promise<boolean> {
  return sendFile(file, { ...options, backfill: false });
}
