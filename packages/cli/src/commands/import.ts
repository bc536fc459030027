import { type SendFileOptions, sendFile } from '../files/send-file.ts';

/** Backfills the records of a file, each with its own `received_at`. True if the server took every one of them. */
export async function importFile(file: string, options: Omit<SendFileOptions, 'backfill'>): Promise<boolean> {
  return sendFile(file, { ...options, backfill: true });
}
