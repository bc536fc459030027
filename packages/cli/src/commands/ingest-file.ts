import { tableText } from '@pik/render';
import { KitError, type WireEvent } from '@pik/schema';
import { createProducer, type EmitResult, type Producer } from '@pik/sdk';
import { openLines } from '../read-lines.ts';
import { connection, type GlobalOptions, print } from '../session.ts';
import { createProgress } from '../terminal.ts';

/** Sends the events of a file through the producer, as a service would; true when every one of them was taken. */
export async function ingestFile(file: string, options: GlobalOptions): Promise<boolean> {
  const counts: Record<string, number> = {};
  const count = ({ status }: Pick<EmitResult, 'status'>) => {
    counts[status] = (counts[status] ?? 0) + 1;
  };
  const producer = createProducer({ ...connection(options), onResult: count });
  const source = openLines(file);
  const progress = createProgress('sending', source.bytes);
  let line = 0;
  let reported = 0;
  try {
    for await (const text of source.lines) {
      line += 1;
      await producer.ready();
      emitRecord(producer, text, line);
      progress.add(source.bytesRead() - reported);
      reported = source.bytesRead();
    }
    await producer.close();
  } finally {
    progress.stop();
  }
  print(options, { counts, ...producer.stats() }, () => tableText(['result', 'events'], Object.entries(counts)));
  return !('REJECTED' in counts) && !('UNDELIVERED' in counts);
}

function emitRecord(producer: Producer, text: string, line: number): void {
  let record: WireEvent;
  try {
    record = JSON.parse(text) as WireEvent;
  } catch (cause) {
    throw new KitError(
      'EVENT_NOT_SERIALIZABLE',
      `record ${line} is not JSON; \`pik import\` keeps such records as they are`,
      { cause },
    );
  }
  const { event_type, payload, ...options } = record;
  producer.emit(event_type, payload, options);
}
